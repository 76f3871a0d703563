"""The report of one run."""

import math

import numpy

from provenance import annotate
from report_page import (bars_html, data_size, dollars, duration, gpu_count, number, percent,
                         seconds, table_html, tiles_html)
from results import LATENCIES, MEMORY_PARTS, TIME_PARTS

# Points of a line across the page: more than it has pixels would be lost.
BUCKETS_MAX = 600

# More stages than this are shown as the mean of each over all replicas.
STAGE_BARS_MAX = 64

PERCENTILES = numpy.concatenate([numpy.arange(0, 95, 1), numpy.arange(95, 99, 0.25),
                                 numpy.arange(99, 100.01, 0.05)]).clip(0, 100)


def answer(run):
    """The run in one sentence or two."""
    summary, slo_s = run.summary, run.scenario.slo_s
    served = (f"{number(summary['requests_per_s'])} requests/s on "
              f"{gpu_count(run.gpus)}, "
              f"{number(summary['output_tokens_per_s'])} output tokens/s")
    if not slo_s:
        return served + "."
    bounds = " and ".join(f"{name.upper()} {seconds(bound)}" for name, bound in slo_s.items())
    verdict = "is met" if summary["slo.met"] else "is missed"
    return (f"{served}. The SLO {verdict}: {bounds} at p{run.scenario.slo_percentile:g}. "
            f"{percent(summary['slo.share'])} of the requests were within it.")


def usd_per_million(run):
    return run.usd_per_hour / 3600 / run.summary["output_tokens_per_s"] * 1e6


def headline(run):
    summary, gpus = run.summary, run.gpus
    slo_s = run.scenario.slo_s
    p = min((50, 90, 95, 99), key=lambda known: abs(known - run.scenario.slo_percentile))
    tiles = [("requests/s", number(summary["requests_per_s"]),
              f"{number(summary['requests.completed'])} in {duration(summary['duration_s'])}"),
             ("output tokens/s", number(summary["output_tokens_per_s"]),
              f"{number(summary['output_tokens_per_s'] / gpus)} a GPU")]
    for name in ("ttft", "tpot"):
        bound = f"SLO {seconds(slo_s[name])}" if name in slo_s else LATENCIES[name]
        tiles.append((f"{name.upper()} p{p}", seconds(summary[f"{name}_s.p{p}"]), bound))
    fullest = max(run.pools, key=lambda pool: pool.kv_peak_fraction)
    tiles.append(("KV cache at its fullest", percent(fullest.kv_peak_fraction),
                  f"of {number(fullest.kv_capacity_tokens)} tokens a {fullest.name} replica"
                  .replace("  ", " ")))
    if math.isfinite(usd_per_million(run)):
        tiles.append(("a million output tokens", dollars(usd_per_million(run)),
                      f"at {dollars(run.usd_per_hour / gpus)} a GPU and hour, "
                      "the run's end included"))
    return tiles_html(tiles)


def load_words(scenario):
    """Where the requests come from."""
    workload = scenario.get("workload", {})
    if "trace" in workload and workload["trace"]:
        trace = workload["trace"]
        load = f"trace {trace.get('file', '').rpartition('/')[2]}"
        if float(trace.get("rate_scale", 1)) != 1:
            load += f", played at {number(float(trace['rate_scale']))} times its rate"
    else:
        arrivals = workload.get("arrivals", {})
        load = (f"{workload.get('requests', '?')} requests, {arrivals.get('process', '?')} "
                f"{arrivals.get('rate', arrivals.get('concurrency', ''))}")
        if "cv" in arrivals:
            load += f", cv {arrivals['cv']}"
    return load


def lengths_words(lengths):
    """`1000` or `lognormal: mean 2000, cv 1, max 16000`."""
    if not isinstance(lengths, dict):
        return f"{lengths}"
    shown = ", ".join(f"{key} {str(value).rpartition('/')[2]}" for key, value in lengths.items()
                      if key != "distribution")
    return f"{lengths.get('distribution', '?')}: {shown}"


def lengths_rows(scenario):
    """The lengths of drawn requests; a trace has its own."""
    for key, name in (("input_tokens", "input tokens"), ("output_tokens", "output tokens")):
        lengths = scenario.get(f"workload.{key}")
        if lengths is not None and not scenario.get("workload.trace"):
            yield name, lengths_words(lengths)


def prefix_rows(run):
    """What drawn prompts have in common, and what of it was found; nothing where nobody looked."""
    prefixes = run.scenario.get("workload.prefixes")
    found = run.summary.get("cached_input_share", math.nan)  # which older files do not have
    if not math.isfinite(found):
        return
    words = f"{percent(found)} of the input tokens were found in KV"
    if prefixes and not run.scenario.get("workload.trace"):
        words = f"{prefixes['count']} of {prefixes['tokens']} tokens; {words}"
    yield "prefixes", words


def fault_words(event):
    """`GPU 3 1.5 times slower from 5 min to 10 min`."""
    kind = "down" if "down" in event else "slow"
    what = " ".join(f"{key.upper() if key == 'gpu' else key} {value}"
                    for key, value in event[kind].items() if key != "factor")
    how = "down" if kind == "down" else f"{event[kind].get('factor')} times slower"
    until = f"to {event['until']}" if "until" in event else "on"
    return f"{what} {how} from {event['at']} {until}"


def question(run):
    """What was asked, as a table."""
    scenario = run.scenario
    nodes, gpus = run.summary["nodes.count"], run.summary["nodes.gpus"]
    rows = [
        ("model", f"{scenario.get('model.name')}, weights {scenario.get('model.weights', 'bf16')}, "
                  f"KV {scenario.get('model.kv', 'bf16')}"),
        ("cluster", f"{scenario.get('cluster.name')}: {nodes} × {gpus} "
                    f"{scenario.get('cluster.gpu.name')}"),
        *((f"{pool.name} layout".lstrip(), f"{pool.layout_name}{pool.sharding_words} on {gpu_count(pool.gpus)}"
           + (f" ({pool.gpu.get('name')})" if pool.name else "")) for pool in run.pools),
        *((f"{pool.name} batching".lstrip(),
           f"{pool.policy}, at most {pool.max_step_tokens} tokens a step and "
           f"{pool.max_sequences} sequences") for pool in run.pools),
        ("load", load_words(scenario)),
        *lengths_rows(scenario),
        *prefix_rows(run),
        *(("fault", fault_words(event)) for event in scenario.get("events") or []),
    ]
    return table_html(("", ""), rows, "facts")


def latency_section(page, run):
    names = ("mean", "p50", "p90", "p95", "p99", "max")
    rows = [(f"{key.upper() if key != 'queue' else key}: {meaning}",
             *(seconds(run.summary[f"{key}_s.{name}"]) for name in names))
            for key, meaning in LATENCIES.items()]
    latencies_s = {name: values for name, values in run.latencies_s().items() if len(values)}
    if not latencies_s:
        return
    columns = [numpy.percentile(values, PERCENTILES) for values in latencies_s.values()]
    chart = page.chart_html(
        title="Latency by percentile of requests", x={"label": "percentile", "unit": "%"},
        series=list(latencies_s),
        views=[{"name": "latency", "unit": "s", "log": True,
                "rows": numpy.column_stack([PERCENTILES, *columns]).tolist(),
                "bounds": [{"at": bound, "label": f"SLO {name.upper()}"}
                           for name, bound in run.scenario.slo_s.items()]}])
    warmup = run.summary["requests.warmup"]
    left_out = f"The warm-up's requests are left out: {number(warmup)}. " if warmup else ""
    page.section("How long requests took", table_html(("", *names), rows) + chart, left_out +
                 "Drag across a chart to zoom in, double-click to see it whole again.")


def time_parts(stage):
    return {name: float(stage[column]) for column, name in TIME_PARTS.items()}


def mean_rows(pool, stages):
    """A pool's stages, averaged over its replicas."""
    own = stages[(stages["replica"] >= pool.first_replica)
                 & (stages["replica"] < pool.first_replica + pool.replicas)]
    for stage in numpy.unique(own["stage"]):
        same = own[own["stage"] == stage]
        yield (pool.mean_name(stage), f"{same['layers'][0]} layers",
               {name: float(same[column].mean()) for column, name in TIME_PARTS.items()})


def stage_rows(run):
    stages = run.stages
    if len(stages) > STAGE_BARS_MAX:
        return [row for pool in run.pools for row in mean_rows(pool, stages)]
    return [(run.stage_name(row["replica"], row["stage"]), f"{row['layers']} layers",
             time_parts(row)) for row in stages]


def stages_section(page, run):
    idle = sum(float(run.stages[column].mean()) for column in TIME_PARTS
               if column.startswith("idle_") and column not in ("idle_no_work", "idle_down"))
    page.section("Where the time goes", bars_html(stage_rows(run), percent, scale_to=1),
                 f"Each stage's share of the run. Bubbles, idle time while there was work, are "
                 f"{percent(idle)} on average.")


def gantt_section(page, run, window_s):
    if not run.has_timeline:
        page.section("The pipeline at work", '<p class="note">The run kept no timeline. Run it '
                     "with <code>--timeline steps</code> to see one here.</p>")
        return
    start_s, end_s = window_s or run.busiest_second()
    spans, kinds = run.spans(start_s, end_s)
    if len(spans) == 0:
        page.section("The pipeline at work", '<p class="note">Nothing was recorded from '
                     f"{start_s:g} s to {end_s:g} s: the run took "
                     f"{run.summary['duration_s']:.1f} s.</p>")
        return
    parts = {"stage": "work", "send": "send", **{
        column: name for column, name in TIME_PARTS.items() if column.startswith("idle_")}}
    names = sorted({kinds[kind] for kind in numpy.unique(spans["kind"])}, key=list(parts).index)
    rows = [[int(span["replica"]), int(span["stage"]), names.index(kinds[span["kind"]]),
             int(span["start_ps"]) / 1e12 - start_s, int(span["duration_ps"]) / 1e12,
             int(span["step"])] for span in spans]
    stages = sorted({(replica, stage) for replica, stage, *_ in rows})
    place = page.chart_html(gantt=rows, kinds=[parts[name] for name in names],
                            stages=[[*stage, run.stage_name(*stage)] for stage in stages],
                            start=start_s, length=end_s - start_s)
    chosen = "the second in which most tokens were processed" if not window_s else "as asked for"
    page.section("The pipeline at work", place,
                 f"From {start_s:g} s to {end_s:g} s of the run, {chosen}. A step keeps its shade "
                 "of blue from stage to stage; thin lines below a stage are sends to the next.")


def load_rows(run):
    """Time, requests in the system, and tokens/s in and out of the steps, in buckets."""
    requests = run.file["requests"]["arrival_s", "done_s"]
    end_s = max(float(requests["done_s"].max()), 1e-9)
    edges_s = numpy.linspace(0, end_s, BUCKETS_MAX + 1)
    centres_s = (edges_s[:-1] + edges_s[1:]) / 2
    inside = (numpy.searchsorted(numpy.sort(requests["arrival_s"]), centres_s, side="right")
              - numpy.searchsorted(numpy.sort(requests["done_s"]), centres_s, side="right"))
    columns = [centres_s, inside]
    if run.has_timeline:
        steps = run.file["steps"]["scheduled_s", "prefill_tokens", "decode_tokens"]
        for name in ("prefill_tokens", "decode_tokens"):
            tokens, _ = numpy.histogram(steps["scheduled_s"], edges_s, weights=steps[name])
            columns.append(tokens / (edges_s[1] - edges_s[0]))
    return columns


def load_section(page, run):
    if len(run.file["requests"]) == 0:
        return
    times_s, inside, *tokens = load_rows(run)
    x = {"label": "time into the run", "unit": "s"}
    body = page.chart_html(title="Requests in the system", x=x, series=["requests"], views=[
        {"name": "requests", "unit": "", "rows": numpy.column_stack([times_s, inside]).tolist()}])
    # Prompts come in bursts of thousands: beside them the decoded tokens would lie flat at 0.
    for name, values in zip(("prefilled", "decoded"), tokens):
        body += page.chart_html(
            title=f"Tokens {name}", x=x, series=[name],
            views=[{"name": "tokens/s", "unit": "tokens/s",
                    "rows": numpy.column_stack([times_s, values]).tolist()}])
    page.section("The run from end to end", body)


def memory_section(page, run):
    rows = []
    for row in run.memory:
        pool = run.pools[row["pool"]]
        capacity = pool.gpu_bytes
        parts = {name: float(row[column]) for column, name in MEMORY_PARTS.items()}
        used = sum(parts.values())
        if math.isfinite(capacity) and capacity > used:
            parts["not used"] = capacity - used
        name = f"{pool.name}, stage {row['stage']}" if pool.name else f"stage {row['stage']}"
        rows.append((name, f"{data_size(used)} of {data_size(capacity)}", parts))
    page.section("Memory of a GPU", bars_html(rows, data_size))


def transfers_section(page, run):
    """The KV that went from the pool that prefills to the pool that decodes."""
    if len(run.pools) == 1:
        return
    names = ("mean", "p50", "p90", "p95", "p99", "max")
    waits = [seconds(run.summary[f"kv_transfers.wait_s.{name}"]) for name in names]
    page.section("KV from pool to pool", table_html(
        ("", *names), [("wait: from the first token until the request decodes on", *waits)]),
        f"{number(run.summary['kv_transfers.count'])} requests, "
        f"{data_size(run.summary['kv_transfers.bytes'])}.")


def links_section(page, run):
    links = sorted(run.links, key=lambda link: -link[2])[:8]
    if links:
        page.section("Busiest links", table_html(
            ("link", "busy", "moved"),
            [(name, percent(busy), data_size(moved)) for name, moved, busy in links]))


def costs_section(page, run):
    """How the times of kernels and collectives are known."""
    parts = {name: run.summary.get(f"costs.{name}", math.nan)
             for name in ("measured", "interpolated", "extrapolated", "estimated")}
    if all(math.isfinite(value) for value in parts.values()):
        page.section("How the costs are known",
                     bars_html([("working time", "", parts)], percent, scale_to=1),
                     "Kernels and collectives: at a size that was measured on this kind of GPU, "
                     "between or beyond measured sizes, or by a model alone.")


def fill(page, run, window_s):
    """Fills in the page; the timeline shows `window_s`, or where None the busiest second."""
    scenario = run.scenario
    page.title = scenario.get("name") or f"{scenario.get('model.name')}: {run.layout_name}"
    page.subtitle = answer(run)
    page.sections.append(headline(run))
    page.warnings(run.warnings)
    page.section("What was asked", question(run))
    latency_section(page, run)
    stages_section(page, run)
    gantt_section(page, run, window_s)
    load_section(page, run)
    memory_section(page, run)
    transfers_section(page, run)
    links_section(page, run)
    costs_section(page, run)
    page.provenance(annotate(scenario), "Assumptions and where they come from",
                    "The scenario as it was resolved, each value beside its source in the "
                    "shipped configs. Values without one are the scenario's own.")
    page.footer = f"tandem {run.version}, seed {run.seed}"
