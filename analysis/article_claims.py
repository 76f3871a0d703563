"""The article's claims, each beside what simulation says.

A section is a function that asks tandem and gives back rows. A claim holds where simulation is
within TOLERANCE of its number, inside its range, or on its side; nothing in the simulator is tuned
to make one hold. `why` says what the difference comes from.
"""

from dataclasses import dataclass
from typing import Optional

from tandem_program import ROOT

ARTICLE = ROOT / "configs" / "scenarios" / "article"

TOLERANCE = 0.10

# NVIDIA H200 datasheet.
H200_BYTES_PER_S = 4.8e12

# One decode step reads every weight but the embedding table, of which it reads one row.
EMBEDDING_PARAMETERS = 128256 * 8192
BF16_BYTES = 2


@dataclass
class Row:
    """One claim. `difference` is how far simulation is from it; "" where that is no number.

    `holds` is None where the article claims nothing and the number is worth a look.
    """

    case: str
    claim: str
    simulation: str
    difference: str
    holds: Optional[bool]
    why: str = ""


def number_row(case, claim, simulated, show, why=""):
    """A claim of one number; `show` formats it."""
    off = simulated / claim - 1
    difference = f"{off:+.0%}" if off < 2 else f"{simulated / claim:.1f} times"
    return Row(case, show(claim), show(simulated), difference, abs(off) <= TOLERANCE, why)


def range_row(case, low, high, simulated, show, why=""):
    """A claim that a number lies between two; None leaves that side open."""
    if low is not None and simulated < low:
        difference = f"{simulated / low - 1:+.0%}"
    elif high is not None and simulated > high:
        difference = f"{simulated / high - 1:+.0%}"
    else:
        difference = ""
    claim = (f"{show(low)} to {show(high)}" if None not in (low, high) else
             f"under {show(high)}" if low is None else f"over {show(low)}")
    return Row(case, claim, show(simulated), difference, not difference, why)


def order_row(case, claimed, values, show, why=""):
    """A claim that `claimed`, keys of `values`, are in ascending order of their values."""
    ascending = sorted(values, key=values.get)
    simulation = " < ".join(f"{key} {show(values[key])}" for key in ascending)
    holds = [key for key in ascending if key in claimed] == list(claimed)
    return Row(case, " < ".join(claimed), simulation, "", holds, why)


def warning_row(case, code, *answers):
    """A claim that each answer warns with `code`; shows its text."""
    texts = [warning["text"] for answer in answers for warning in answer["warnings"]
             if warning["code"] == code]
    holds = len(texts) == len(answers)
    return Row(case, code, code if holds else "no warning", "", holds, texts[0] if texts else "")


def times(value):
    return f"{value:.2f}x"


def seconds(value):
    return f"{value * 1e3:,.0f} ms" if value < 10 else f"{value:.1f} s"


def gigabytes(value):
    return f"{value / 1e9:.1f} GB"


def per_second(value):
    return f"{value:,.0f}/s"


def percent(value):
    return f"{value:.0%}"


def layout(tensor_parallel, stages=1, replicas=1):
    return (f"layout={{tensor_parallel: {tensor_parallel}, pipeline_parallel: {stages}, "
            f"replicas: {replicas}}}")


def named(tensor_parallel, stages):
    return f"TP={tensor_parallel}" * (tensor_parallel > 1) + " x " * (
        tensor_parallel > 1 and stages > 1) + f"PP={stages}" * (stages > 1)


def one_request(tandem):
    """70B, one request, 100 output tokens on 1, 2, 4, 8 GPUs."""
    scenario = ARTICLE / "one-request.yaml"
    e2e_s = {gpus: tandem.run(scenario, layout(gpus))["e2e_s"]["mean"] for gpus in (1, 2, 4, 8)}
    model = tandem.check(scenario)["model"]
    read_bytes = (model["parameters"] - EMBEDDING_PARAMETERS) * BF16_BYTES
    whys = {
        2: "on H200: 141 GB of weights at 16 bits fit on no GPU of 80 GB. Measured there: 1.73x.",
        4: "measured on H200: 2.83x.",
        8: "what does not shrink with the GPUs: 160 all-reduces a token, the gaps between kernels, "
           "attention's share of a short context.",
    }
    rows = [number_row(f"speed-up of {gpus} GPUs over one", claim, e2e_s[1] / e2e_s[gpus], times,
                       whys[gpus])
            for gpus, claim in ((2, 1.7), (4, 2.9), (8, 4.5))]
    for gpus, claim_s in ((1, 0.250), (2, 0.145), (4, 0.085), (8, 0.055)):
        bound_s = 100 * read_bytes / gpus / H200_BYTES_PER_S
        rows.append(number_row(
            f"100 tokens on {gpus} GPU{'s' * (gpus > 1)}", claim_s, e2e_s[gpus], seconds,
            f"impossible: each token reads {read_bytes / gpus / 1e9:.0f} GB of weights on each "
            f"GPU, at the H200's 4.8 TB/s {seconds(bound_s)} for 100 tokens at the least; the "
            f"claim needs {read_bytes / gpus * 100 / claim_s / 1e12:.0f} TB/s of each."))
    return rows


def stream_of(tandem, stages, *sets):
    """The stream's throughput scenario with as many sequences for each stage."""
    return tandem.run(ARTICLE / "stream.yaml", layout(1, stages),
                      f"engine.max_sequences={16 * stages}",
                      f"workload.arrivals.concurrency={32 * stages}",
                      f"workload.requests={640 * stages}", *sets)


def stream(tandem):
    """70B under a continuous stream: PP=2 and PP=4 against one GPU."""
    one = stream_of(tandem, 1)
    rows = []
    for stages, claim in ((2, 1.8), (4, 3.2)):
        piped = stream_of(tandem, stages)
        idle = sum(piped["stages"][0]["idle"].values())
        rows.append(number_row(
            f"throughput of PP={stages} over one GPU", claim,
            piped["output_tokens_per_s"] / one["output_tokens_per_s"], times,
            f"steps of up to 16 sequences in both; the first stage idles {idle:.0%} of the time, "
            "as steps with and without prompts differ in length."))
    alone = ["workload.arrivals.concurrency=1", "workload.requests=20"]
    lone_s = stream_of(tandem, 1, *alone)["tpot_s"]["mean"]
    for stages in (2, 4):
        ratio = stream_of(tandem, stages, *alone)["tpot_s"]["mean"] / lone_s
        rows.append(number_row(f"a lone request's TPOT, PP={stages} over one GPU", 1.0, ratio,
                               times, "the layers are computed one after the other all the same."))
        ratio = stream_of(tandem, stages)["tpot_s"]["mean"] / one["tpot_s"]["mean"]
        rows.append(range_row(f"TPOT in the stream, PP={stages} over one GPU", 1.0, None, ratio,
                              times, "a step waits behind slower ones at each stage."))
    full = stream_of(tandem, 2, "engine.max_sequences=256", "workload.arrivals.concurrency=512")
    rows.append(Row(
        "the same for PP=2 with batches as memory allows", "",
        times(full["output_tokens_per_s"] / one["output_tokens_per_s"]), "", None,
        "what the article leaves out: where one GPU is full of weights, a second buys room for "
        f"{full['kv']['capacity_tokens']:,} tokens of KV instead of "
        f"{one['kv']['capacity_tokens']:,}, and up to 128 sequences share one reading of the "
        "weights."))
    return rows


EIGHT = ((8, 1), (4, 2), (1, 8))


def saturated(tandem, scenario, tensor_parallel, stages, in_flight, step_tokens=512):
    """A run with so many requests in flight all the time."""
    return tandem.run(scenario, layout(tensor_parallel, stages),
                      f"workload.arrivals={{process: closed_loop, concurrency: {in_flight}}}",
                      f"workload.requests={5 * in_flight}",
                      f"engine.max_sequences={in_flight}",
                      f"engine.max_step_tokens={step_tokens}")


def eight_gpus(tandem):
    """70B on eight GPUs: TP=8, PP=8 and TP=4 x PP=2."""
    scenario = ARTICLE / "eight-gpus.yaml"
    e2e_s = {named(*pair): tandem.run(scenario, layout(*pair))["e2e_s"]["p50"] for pair in EIGHT}
    rows = [order_row("median E2E, 0.5 requests/s", ("TP=8", "TP=4 x PP=2", "PP=8"), e2e_s, seconds,
                      "TP=8 reads an eighth of the weights for a token, PP=8 all of them in turn.")]
    for in_flight, step_tokens, why in (
            (256, 512, "each of PP=8's eight steps in flight holds 32 sequences: it reads its "
                       "weights eight times where TP=8 reads them once for 256"),
            (1024, 512, "with more sequences a step, reading the weights matters less and the "
                        "all-reduces more"),
            (2048, 512, "with 256 sequences a step the weights are read for as many as TP=8 has, "
                        "and nothing is all-reduced"),
            (2048, 2048, "steps with prompts now take many times as long as steps without, so "
                         "stages wait for each other")):
        answers = {named(*pair): saturated(tandem, scenario, *pair, in_flight, step_tokens)
                   for pair in EIGHT}
        deepest = answers["PP=8"]
        rows.append(order_row(
            f"output tokens/s, {in_flight:,} in flight, steps of {step_tokens:,} tokens",
            ("TP=8", "TP=4 x PP=2", "PP=8"),
            {name: answer["output_tokens_per_s"] for name, answer in answers.items()}, per_second,
            f"{why}. PP=8: stages idle {sum(deepest['stages'][1]['idle'].values()):.0%} of the "
            f"time, {deepest['requests']['preemptions']:,} preemptions for want of KV."))
    return rows


def four_nodes(tandem):
    """405B on 32 GPUs in four nodes: TP=8 x PP=4."""
    scenario = ARTICLE / "four-nodes.yaml"
    pairs = ((32, 1), (16, 2), (8, 4), (4, 8), (1, 32))
    e2e_s = {named(*pair): tandem.run(scenario, layout(*pair))["e2e_s"]["p50"] for pair in pairs}
    tokens_per_s = {named(*pair): saturated(tandem, scenario, *pair, 1024)["output_tokens_per_s"]
                    for pair in pairs}
    best = "TP=8 x PP=4"
    return [
        Row("lowest median E2E, 0.5 requests/s", best,
            order_row("", (), e2e_s, seconds).simulation,
            f"{e2e_s[best] / min(e2e_s.values()) - 1:+.0%}", min(e2e_s, key=e2e_s.get) == best,
            "a decode step all-reduces so little that even the network carries it, and twice the "
            "GPUs read the weights of a layer."),
        Row("most output tokens/s, 1,024 in flight", best,
            order_row("", (), tokens_per_s, per_second).simulation,
            f"{tokens_per_s[best] / max(tokens_per_s.values()) - 1:+.0%}",
            max(tokens_per_s, key=tokens_per_s.get) == best,
            "wider groups all-reduce over the network, longer pipelines run on smaller steps."),
        warning_row("TP over nodes is warned about", "tp_across_nodes",
                    tandem.check(scenario, layout(32)), tandem.run(scenario, layout(32))),
    ]


def memory(tandem):
    """70B in FP16 on four GPUs of 80 GB: what each holds under TP=4 and PP=4."""
    scenario = ARTICLE / "memory.yaml"
    eighty = "cluster.gpu.memory=80 GB"
    held = {"TP=4": tandem.check(scenario, eighty, layout(4))["memory"],
            "PP=4": tandem.check(scenario, eighty, layout(1, 4))["memory"]}
    most = {name: {key: max(stage[key] for stage in stages) for key in stages[0]}
            for name, stages in held.items()}
    whys = {
        "TP=4": "the whole embedding table is on each GPU.",
        "PP=4": "of the largest stage; embedding and LM head lie on the first and the last.",
    }
    rows = [number_row(f"weights on each GPU, {name}", 35e9, most[name]["weights_bytes"], gigabytes,
                       whys[name]) for name in held]
    per_token = most["TP=4"]["activation_bytes"] / 2048
    whys = {
        "TP=4": "inference keeps one layer's activations, not those of all 80: "
                f"{per_token / 1e3:.0f} kB a token, so 10 GB are a step of "
                f"{10e9 / per_token:,.0f} tokens, not of 2,048.",
        "PP=4": "one GPU holds a layer's whole width, and the last stage the logits of a step: PP "
                "takes more than TP, not less.",
    }
    for name, claim in (("TP=4", 10e9), ("PP=4", 5e9)):
        rows.append(number_row(f"activations on each GPU, {name}", claim,
                               most[name]["activation_bytes"], gigabytes, whys[name]))
    for name, claim in (("TP=4", 25e9), ("PP=4", 35e9)):
        kv_bytes = min(stage["kv_bytes"] for stage in held[name])
        rows.append(number_row(f"KV room on each GPU, {name}", claim, kv_bytes, gigabytes,
                               "with next to no activations, what 80 GB leave beside the weights; "
                               "the claim's own parts leave 80 - 35 - "
                               f"{10 if name == 'TP=4' else 5} = "
                               f"{35 if name == 'TP=4' else 40} GB."))
    for name, claim in (("TP=4", 120e9), ("PP=4", 140e9)):
        kv_bytes = sum(stage["kv_bytes"] for stage in held[name]) * (4 if name == "TP=4" else 1)
        rows.append(number_row(f"usable for KV in all, {name}", claim, kv_bytes, gigabytes,
                               "of all four GPUs: TP keeps a second copy of nothing large but the "
                               "embedding, so the two differ little."))
    return rows


SELECTIONS = (
    ("8B, H100 on NVLink", "model=models/llama-3.1-8b", "cluster=clusters/hgx-h100", layout(1)),
    ("70B, H100 on NVLink", "model=models/llama-3.1-70b", "cluster=clusters/hgx-h100", layout(8)),
    ("70B, H100 on PCIe", "model=models/llama-3.1-70b", "cluster=clusters/pcie-h100", layout(8)),
    ("405B, four nodes of H100", "model=models/llama-3.1-405b",
     "cluster=clusters/hgx-h100-4-nodes", layout(8, 4)),
)

# What a rule overlooks, where simulation disagrees with it.
OVERLOOKED = {
    "latency": "a decode all-reduces a few kB at a time, which costs less than GPUs save that read "
               "the weights of a layer together: more of them, even over slow links, are faster.",
    "throughput": "replicas of fewer GPUs wait less for each other: fewer stages have fewer "
                  "bubbles and deal a replica's 256 sequences out over fewer steps, narrower "
                  "groups all-reduce less.",
}


def selector(tandem):
    """The selector's rules, `tandem check --recommend`."""
    rows = []
    for name, *sets in SELECTIONS:
        answer = tandem.check(ARTICLE / "selector.yaml", *sets, recommend=True)
        for rule in answer["recommendations"]:
            is_latency = rule["goal"] == "latency"
            show = seconds if is_latency else per_second
            verdict = rule["simulation"]
            best = verdict["best"]
            claim = f"TP={rule['tensor_parallel']} x PP={rule['pipeline_parallel']}"
            found = f"TP={best['tensor_parallel']} x PP={best['pipeline_parallel']}"
            why = f"the rule: {rule['reason']}."
            if not verdict["agrees"]:
                why += f" Simulation: {OVERLOOKED[rule['goal']]}"
            rows.append(Row(
                f"{name}, for {rule['goal']}", f"{claim} {show(verdict['rule'])}",
                f"{found} {show(best['value'])}", f"{best['value'] / verdict['rule'] - 1:+.0%}",
                verdict["agrees"], why))
    return rows


def mistake_pcie(tandem):
    """Mistake 1: TP over PCIe. Four GPUs; 70B at 4 bits, so that one can be held against them."""
    scenario = ARTICLE / "mistake-pcie.yaml"
    check = tandem.check(scenario)
    nvlink = tandem.check(scenario, "cluster=clusters/hgx-h100")
    rows = []
    for index, low, high in ((-1, 10, 20), (0, 10, 20)):
        slow, fast = (one["tensor_parallel_group"]["all_reduces"][index] for one in (check, nvlink))
        why = ("here bandwidth counts: 64 GB/s, each byte through host memory, against 450 GB/s."
               if index else "of 16 kB: the start-up of a collective, much the same for both, is "
                             "most of it.")
        rows.append(range_row(
            f"all-reduce of {slow['tokens']:,} token{'s' * (slow['tokens'] > 1)}, PCIe over NVLink",
            low, high, slow["time_s"] / fast["time_s"], times, why))
    full = [tandem.run(scenario, layout(gpus))["output_tokens_per_s"] for gpus in (1, 4)]
    rows.append(range_row("throughput of TP=4 over one GPU, 64 in flight", None, 1.5,
                          full[1] / full[0], times,
                          "steps with prompts spend most of their time in all-reduces."))
    alone = ["workload.arrivals.concurrency=1", "workload.requests=20"]
    lone = [tandem.run(scenario, layout(gpus), *alone)["tpot_s"]["mean"] for gpus in (1, 4)]
    rows.append(range_row("speed of TP=4 over one GPU, a lone request", None, 1.5,
                          lone[0] / lone[1], times,
                          "a decode of one sequence reads weights and all-reduces 16 kB at a time, "
                          "which PCIe does not slow by much."))
    rows.append(warning_row("check and run warn", "tp_over_pcie", check, tandem.run(scenario)))
    return rows


def mistake_small_batches(tandem):
    """Mistake 2: a pipeline with batches too small to fill it. PP=4."""
    scenario = ARTICLE / "mistake-small-batches.yaml"
    rows = []
    for in_flight in (1, 2, 4):
        load = f"workload.arrivals.concurrency={in_flight}"
        piped = tandem.run(scenario, load)
        single = tandem.run(scenario, load, layout(1))
        rows.append(number_row(
            f"no gain: throughput of PP=4 over one GPU, {in_flight} in flight", 1.0,
            piped["output_tokens_per_s"] / single["output_tokens_per_s"], times,
            f"a stage is idle {sum(piped['stages'][1]['idle'].values()):.0%} of the time; one GPU "
            "takes all requests in flight into one step, a pipeline one into each."))
    rows.append(warning_row("run warns, 2 in flight", "pipeline_starved", tandem.run(scenario)))
    one_step = "engine.steps_in_flight=1"
    rows.append(warning_row("check and run warn, 1 step in flight", "pipeline_underfilled",
                            tandem.check(scenario, one_step), tandem.run(scenario, one_step)))
    return rows


def mistake_linear_scaling(tandem):
    """Mistake 3: counting on linear pipeline scaling."""
    one = stream_of(tandem, 1)["output_tokens_per_s"]
    rows = []
    for stages in (2, 4, 8):
        piped = stream_of(tandem, stages)
        busy = [sum(stage["busy"].values()) for stage in piped["stages"]]
        rows.append(range_row(
            f"efficiency of PP={stages}: throughput over {stages} times one GPU's", 0.60, 0.80,
            piped["output_tokens_per_s"] / one / stages, percent,
            f"stages work {sum(busy) / stages:.0%} of the time; a deeper pipeline has more steps "
            "in flight that may differ."))
    rows.append(warning_row("run warns, PP=8", "pipeline_bubbles",
                            tandem.run(ARTICLE / "mistake-linear-scaling.yaml")))
    return rows


def mistake_unbalanced(tandem):
    """Mistake 4: unbalanced stages, [26, 18, 18, 18] of 80 layers."""
    scenario = ARTICLE / "mistake-unbalanced.yaml"
    balanced = "layout.stage_layers=balanced"
    listed_run, balanced_run = tandem.run(scenario), tandem.run(scenario, balanced)
    layers = [stage["layers"] for stage in tandem.check(scenario, balanced)["stages"]]
    gain = balanced_run["output_tokens_per_s"] / listed_run["output_tokens_per_s"]
    return [
        number_row("throughput of the balanced split over this one", 26 / max(layers), gain, times,
                   f"the claim: the slowest stage gates all, and 26 layers are 26/{max(layers)} of "
                   f"the better split {layers}. Bubbles that both have are what is left of it."),
        warning_row("check and run warn, with the better split", "unbalanced_stages",
                    tandem.check(scenario), listed_run),
    ]


SECTIONS = (one_request, stream, eight_gpus, four_nodes, memory, selector, mistake_pcie,
            mistake_small_batches, mistake_linear_scaling, mistake_unbalanced)
