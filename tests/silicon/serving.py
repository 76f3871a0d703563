#!/usr/bin/python3
"""How far is a simulated serving engine from a measured one, end to end?

usage: serving.py TANDEM [--update]

Replays the runs of Llama-3.1-8B that were measured on H200s (the folder that TANDEM_SILICON names,
../shared/silicon beside the source by default) as the engine did: all cases one after the other in
one simulation, because shapes that its process has seen stay known to it. Prints the error of each
case, marks with ! those beyond their bar, and says of each what step times 2% longer do there.

A bar that was met must stay met: expected.json holds the errors of the last --update. Exit codes:
0 so they are, 1 one is missed that was not, 77 skipped: the measurements are not here.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy

ROOT = Path(__file__).resolve().parents[2]
SILICON = Path(os.environ.get("TANDEM_SILICON", ROOT.parent / "shared" / "silicon"))
EXPECTED = Path(__file__).with_name("expected.json")
SKIPPED = 77

LAYOUTS = ["8b_tp1_pp1", "8b_tp2_pp2"]
WARM_UP = [(0.0, 256, 8)] * 4  # what the engine served before the first case, unmeasured
CASE_GAP_S = 100.0             # between cases: time for all to be done
SLOWER = 1.02
MARGIN = 0.005                 # by which an error may grow beyond its bar, or what it was

# Relative errors allowed; of busy shares, a difference.
BARS = {"TPOT p50": 0.03, "tokens/s": 0.03, "TTFT p50": 0.10, "TTFT p95": 0.15, "E2E p50": 0.03,
        "decode step": 0.03, "busy": 0.03}

SCENARIO = """
model: models/llama-3.1-8b
cluster: clusters/hgx-h200
layout: {{tensor_parallel: {tp}, pipeline_parallel: {pp}, stage_layers: {layers}}}
engine:
  policy: chunked_prefill
  max_step_tokens: {budget}
  max_sequences: {max_sequences}
  kv_admission: reserved
  host: engines/reference
workload: {{trace: {{file: trace.csv, format: tandem}}}}
output: {{timeline: steps}}
run: {{cost_scale: {scale}}}
"""


@dataclass
class Case:
    """Requests and steps of one case, measured or simulated; times from the case's start."""
    requests: numpy.ndarray  # (n, 5): arrival, first token, done, input and output tokens
    decode_steps_s: numpy.ndarray
    busy_s: dict             # by stage, a GPU's mean

    @property
    def duration_s(self):
        return self.requests[:, 2].max()

    def metrics(self):
        arrival, first, done, _, tokens = self.requests.T
        tpot = (done - first) / numpy.maximum(1, tokens - 1)
        result = {"TPOT p50": numpy.median(tpot), "tokens/s": tokens.sum() / self.duration_s,
                  "TTFT p50": numpy.median(first - arrival),
                  "TTFT p95": numpy.percentile(first - arrival, 95),
                  "E2E p50": numpy.median(done - arrival)}
        if len(self.decode_steps_s):
            result["decode step"] = numpy.median(self.decode_steps_s)
        for stage, busy_s in sorted(self.busy_s.items()):
            result[f"busy {stage}"] = busy_s / self.duration_s
        return {name: float(value) for name, value in result.items()}


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def grouped(found):
    """Rows by case, in the file's order."""
    cases = {}
    for row in found:
        cases.setdefault(row["case"], []).append(row)
    return cases


def measured_busy_s(folder):
    """By case and stage: the time that a GPU of the stage computed."""
    seconds, gpus = {}, {}
    with gzip.open(folder / "stages.csv.gz", "rt", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stages = seconds.setdefault(row["case"], {})
            stage = int(row["stage"])
            stages[stage] = stages.get(stage, 0) + \
                1e-3 * (float(row["end_ms"]) - float(row["start_ms"]))
            gpus.setdefault(stage, set()).add(row["gpu"])
    return {case: {stage: total / len(gpus[stage]) for stage, total in stages.items()}
            for case, stages in seconds.items()}


def read_measured(folder):
    busy_s = measured_busy_s(folder)
    steps = grouped(rows(folder / "steps.csv"))
    columns = ("arrival_s", "first_token_s", "done_s", "input_tokens", "output_tokens")
    return {case: Case(numpy.array([[float(one[column]) for column in columns]
                                    for one in requests]),
                       numpy.array([float(step["done_s"]) - float(step["scheduled_s"])
                                    for step in steps[case] if not step["prefill_chunks"]]),
                       busy_s[case])
            for case, requests in grouped(rows(folder / "requests.csv")).items()}


def write_trace(path, measured):
    """All requests, each case well behind the one before; where each case starts and ends."""
    spans, start_s = [], CASE_GAP_S
    with open(path, "w", encoding="utf-8") as file:
        file.write("arrival_s,input_tokens,output_tokens\n")
        for arrival_s, tokens_in, tokens_out in WARM_UP:
            file.write(f"{arrival_s:.9f},{tokens_in},{tokens_out}\n")
        for case in measured.values():
            for arrival_s, _, _, tokens_in, tokens_out in case.requests:
                file.write(f"{start_s + arrival_s:.9f},{tokens_in:.0f},{tokens_out:.0f}\n")
            end_s = start_s + case.duration_s + CASE_GAP_S
            spans.append((start_s, end_s))
            start_s = end_s
    return spans


def run(program, folder, meta, measured, scale):
    """One simulation of all cases; the same cases as `measured`, simulated."""
    spans = write_trace(folder / "trace.csv", measured)
    scenario, output = folder / "scenario.yaml", folder / "run.h5"
    scenario.write_text(SCENARIO.format(scale=scale, **meta), encoding="utf-8")
    subprocess.run([program, "run", "--quiet", scenario, "-o", output], check=True,
                   stdout=subprocess.DEVNULL,
                   env=dict(os.environ, TANDEM_DATA_DIR=str(ROOT)))
    with h5py.File(output) as file:
        requests = numpy.sort(file["requests"][:], order="id")[len(WARM_UP):]
        steps, records = file["steps"][:], file["spans"][:]
        kinds = h5py.check_enum_dtype(file["spans"].dtype["kind"])
    stages = records[records["kind"] == kinds["stage"]]
    cases, taken = {}, 0
    for (name, case), span in zip(measured.items(), spans):
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


def bars_of(case, metrics_of_cases):
    """
    A case's bars: of repeats (single-2, ...), their spread where that is wider. The first of them
    pays what a process pays once, and is held to none; nor are busy shares but at `heavy`.
    """
    stem, _, number = case.partition("-")
    repeats = [metrics for name, metrics in metrics_of_cases.items()
               if name.startswith(stem + "-") and name != stem + "-1"]
    bars = {}
    for name in metrics_of_cases[case]:
        is_busy = name.startswith("busy")
        if number == "1" or (is_busy and case != "heavy"):
            continue
        values = [metrics[name] for metrics in repeats]
        spread = error_of(name, min(values), max(values)) if values else 0
        bars[name] = max(BARS["busy" if is_busy else name], spread)
    return bars


def value_text(name, value):
    if name.startswith("busy"):
        return f"{100 * value:.1f}%"
    return f"{value:.0f}" if name == "tokens/s" else f"{1e3 * value:.2f} ms"


def compare_layout(program, folder):
    """Prints the layout's table; {case: {metric: (error, bar)}}."""
    with open(folder / "meta.json", encoding="utf-8") as file:
        meta = json.load(file)
    measured = read_measured(folder)
    with tempfile.TemporaryDirectory(prefix="tandem-silicon-") as work:
        simulated, slower = (run(program, Path(work), meta, measured, scale)
                             for scale in (1.0, SLOWER))
    metrics = {case: one.metrics() for case, one in measured.items()}
    found = {}
    print(f"\n{folder.name}  {'measured':>21} {'simulated':>12} {'error':>8} {'bar':>7}"
          f"  steps {SLOWER - 1:.0%} longer")
    for case in measured:
        ours, theirs, slow = simulated[case].metrics(), metrics[case], slower[case].metrics()
        for name, bar in bars_of(case, metrics).items():
            error = error_of(name, theirs[name], ours[name])
            found.setdefault(case, {})[name] = (error, bar)
            missed = f"! {error_of(name, ours[name], slow[name]):+7.1%}" if abs(error) > bar else ""
            print(f"{case:10} {name:12} {value_text(name, theirs[name]):>9} "
                  f"{value_text(name, ours[name]):>12} {error:+8.1%} {bar:7.1%} {missed}")
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
    if not (SILICON / "h200" / LAYOUTS[0]).is_dir():
        print(f"skipped: no measurements in {SILICON}; TANDEM_SILICON may name their folder")
        return SKIPPED
    program = os.path.abspath(sys.argv[1])
    found = {layout: compare_layout(program, SILICON / "h200" / layout) for layout in LAYOUTS}
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
