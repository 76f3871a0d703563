#!/usr/bin/python3
"""How far is a simulated serving engine from a measured one, end to end?

usage: serving.py TANDEM [--update]

Replays the runs that were measured on H200s (measured.py says where they are looked for) as the
engine did: all cases one after the other in one simulation, because shapes that its process has
seen stay known to it. Prints the error of each case and its bar, which is as wide as repeats are
apart: where the same layout was served twice, a case of its own repeats, or its steps took longer
or shorter than equal steps of other cases (marked ~). Those beyond their bar are marked !, and say
what step times 2% longer do there, and what steps of equal batches took in other cases.

A bar that was met must stay met: expected.json holds the errors of the last --update. Exit codes:
0 so they are, 1 one is missed that was not.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy

import measured
from measured import ROOT, Case

EXPECTED = Path(__file__).with_name("expected.json")

MODELS = {"8b": "llama-3.1-8b", "70b": "llama-3.1-70b", "32b": "qwen3-32b"}
CLUSTERS = {"0": "hgx-h200", "1": "pcie-h200"}  # by whether peer access was disabled
WARM_UP = [(0.0, 256, 8)] * 4  # what the engine served before the first case, unmeasured
CASE_GAP_S = 100.0             # between cases: time for all to be done
SLOWER = 1.02
MARGIN = 0.005                 # by which an error may grow beyond its bar, or what it was

# Relative errors allowed; of busy shares, a difference.
BARS = {"TPOT p50": 0.03, "tokens/s": 0.03, "TTFT p50": 0.10, "TTFT p95": 0.15, "E2E p50": 0.03,
        "decode step": 0.03, "busy": 0.03}

SCENARIO = """
model: models/{model}
cluster: clusters/{cluster}
layout: {{tensor_parallel: {tp}, pipeline_parallel: {pp}, stage_layers: {layers}}}
engine:
  policy: chunked_prefill
  max_step_tokens: {budget}
  max_sequences: {max_sequences}
  kv_admission: reserved
  host: {{base: engines/reference, slowdown: {host_slowdown}}}
workload: {{trace: {{file: trace.csv, format: tandem}}}}
output: {{timeline: steps}}
run: {{cost_scale: {scale}}}
"""


def write_trace(path, cases):
    """All requests, each case well behind the one before; where each case starts and ends."""
    spans, start_s = [], CASE_GAP_S
    with open(path, "w", encoding="utf-8") as file:
        file.write("arrival_s,input_tokens,output_tokens\n")
        for arrival_s, tokens_in, tokens_out in WARM_UP:
            file.write(f"{arrival_s:.9f},{tokens_in},{tokens_out}\n")
        for case in cases.values():
            for arrival_s, _, _, tokens_in, tokens_out in case.requests:
                file.write(f"{start_s + arrival_s:.9f},{tokens_in:.0f},{tokens_out:.0f}\n")
            end_s = start_s + case.duration_s + CASE_GAP_S
            spans.append((start_s, end_s))
            start_s = end_s
    return spans


def simulate(program, run, scale):
    """One simulation of all cases of a measured run; the same cases, simulated."""
    names = {"model": MODELS[run.meta["model"]], "cluster": CLUSTERS[run.meta["p2p_disabled"]]}
    with tempfile.TemporaryDirectory(prefix="tandem-silicon-") as work:
        scenario, output = Path(work) / "scenario.yaml", Path(work) / "run.h5"
        spans = write_trace(Path(work) / "trace.csv", run.cases)
        scenario.write_text(SCENARIO.format(**(run.meta | names | {"scale": scale})),
                            encoding="utf-8")
        subprocess.run([program, "run", "--quiet", scenario, "-o", output], check=True,
                       stdout=subprocess.DEVNULL,
                       env=dict(os.environ, TANDEM_DATA_DIR=str(ROOT)))
        with h5py.File(output) as file:
            requests = numpy.sort(file["requests"][:], order="id")[len(WARM_UP):]
            steps, records = file["steps"][:], file["spans"][:]
            kinds = h5py.check_enum_dtype(file["spans"].dtype["kind"])
    stages = records[records["kind"] == kinds["stage"]]
    cases, taken = {}, 0
    for (name, case), span in zip(run.cases.items(), spans):
        mine = requests[taken:taken + len(case.requests)]
        cases[name] = simulated_case(mine, steps, stages, span)
        taken += len(case.requests)
    return cases


def simulated_case(requests, steps, stages, span):
    start_s, end_s = span
    times = [requests[column] - start_s for column in ("arrival_s", "first_token_s", "done_s")]
    tokens = [requests[column].astype(float) for column in ("input_tokens", "output_tokens")]
    here = steps[(steps["scheduled_s"] >= start_s) & (steps["scheduled_s"] < end_s)]
    decodes = here[here["prefill_tokens"] == 0]
    at_s = 1e-12 * stages["start_ps"]
    busy = stages[(at_s >= start_s) & (at_s < end_s)]
    return Case(numpy.column_stack(times + tokens), decodes["done_s"] - decodes["scheduled_s"],
                {int(stage): 1e-12 * busy["duration_ps"][busy["stage"] == stage].sum()
                 for stage in numpy.unique(busy["stage"])})


def error_of(name, measured, simulated):
    """Relative; of a busy share, which is relative already, the difference."""
    if name.startswith("busy"):
        return simulated - measured
    return simulated / measured - 1


def bar_of(name):
    return BARS["busy" if name.startswith("busy") else name]


def repeats_of(case, run, runs):
    """The metrics of whatever was the same: in the run itself, and in others of its layout."""
    stem = case.partition("-")[0]
    for other in runs:
        for name, one in other.cases.items():
            is_repeat = name.startswith(stem + "-") and name != stem + "-1"
            if other.layout == run.layout and (name == case or is_repeat):
                yield one.metrics()


def bars_of(case, run, runs):
    """
    {metric: (bar, whether it is the spread of repeats)}. The first of a case's own repeats pays
    what a process pays once, and is held to none; nor are busy shares but at `heavy`.
    """
    if case.endswith("-1"):
        return {}
    repeats = list(repeats_of(case, run, runs))
    bars = {}
    for name in run.cases[case].metrics():
        is_busy = name.startswith("busy")
        if is_busy and case != "heavy":
            continue
        values = [metrics[name] for metrics in repeats]
        spread = error_of(name, min(values), max(values))
        if not is_busy:
            spread = max(spread, abs(run.equal_steps.get(case, 0)))
        bar = bar_of(name)
        bars[name] = (max(bar, spread), spread > bar)
    return bars


def value_text(name, value):
    if name.startswith("busy"):
        return f"{100 * value:.1f}%"
    return f"{value:.0f}" if name == "tokens/s" else f"{1e3 * value:.2f} ms"


def reason(name, case, run, ours, slow):
    """What a miss may come from."""
    text = f"{error_of(name, ours[name], slow[name]):+.1%}"
    if case in run.equal_steps:
        text += f", equal steps elsewhere {1 / (1 + run.equal_steps[case]) - 1:+.1%}"
    return text


def compare(program, run, runs):
    """Prints the run's table; {case: {metric: (error, bar)}}."""
    simulated, slower = (simulate(program, run, scale) for scale in (1.0, SLOWER))
    found = {}
    print(f"\n{run.folder.name:16}  {'measured':>15} {'simulated':>12} {'error':>8} {'bar':>7}"
          f"   steps {SLOWER - 1:.0%} longer")
    for case, one in run.cases.items():
        ours, theirs, slow = simulated[case].metrics(), one.metrics(), slower[case].metrics()
        for name, (bar, is_spread) in bars_of(case, run, runs).items():
            error = error_of(name, theirs[name], ours[name])
            found.setdefault(case, {})[name] = (error, bar)
            missed = f"! {reason(name, case, run, ours, slow)}" if abs(error) > bar else ""
            print(f"{case:10} {name:12} {value_text(name, theirs[name]):>9} "
                  f"{value_text(name, ours[name]):>12} {error:+8.1%} {bar:7.1%}"
                  f"{'~' if is_spread else ' '} {missed}".rstrip())
    return found


def grown(found, expected):
    """Errors that were within their bar and are not any more."""
    for layout, cases in found.items():
        for case, metrics in cases.items():
            for name, (error, bar) in metrics.items():
                before = expected.get(layout, {}).get(case, {}).get(name)
                if before is not None and abs(before) <= bar and \
                        abs(error) > max(bar, abs(before) + MARGIN):
                    yield f"{layout}, {case}, {name}: {error:+.1%}, was {before:+.1%}"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--update"]):
        sys.exit(__doc__.split("\n\n")[1])
    program = os.path.abspath(sys.argv[1])
    runs = [measured.read(folder) for folder in measured.folders()]
    found = {run.folder.name: compare(program, run, runs) for run in runs}
    results = [abs(error) <= bar for cases in found.values() for metrics in cases.values()
               for error, bar in metrics.values()]
    print(f"\n{sum(results)} of {len(results)} within their bars")
    if sys.argv[2:]:
        errors = {layout: {case: {name: round(error, 4) for name, (error, _) in metrics.items()}
                           for case, metrics in cases.items()} for layout, cases in found.items()}
        EXPECTED.write_text(json.dumps(errors, indent=1) + "\n", encoding="utf-8")
        return 0
    worse = list(grown(found, json.loads(EXPECTED.read_text(encoding="utf-8"))))
    print("\n".join(["Bars that were met and are missed:", *worse]) if worse else
          "none is missed that was met")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
