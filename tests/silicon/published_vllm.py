#!/usr/bin/python3
"""How far is tandem from vLLM on H100s that others measured?

usage: published_vllm.py TANDEM

Runs the rows of llama70b_h100.csv, in the folder that TANDEM_PUBLIC_SERVING names or, without it,
../shared/public/serving beside the project: Llama-3.1-70B with fp8 weights on 2, 4 and 8 H100, a
closed loop with 10 x concurrency requests, lengths uniform in [0.8 L, L]; measured by InferenceX,
published with aiconfigurator (NVIDIA, Apache-2.0). Exit codes: 0 within the bars, 1 not, 77 where
the file is not there.

Rows whose TTFT is seconds are limited by KV space. They are recognised, and left out of the
medians: a few blocks more or less move them severalfold. They come out so only with KV at 16 bits
and with what vLLM keeps from it (CUDA graphs, NCCL, the sampler): 4.2 GB.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("TANDEM_PUBLIC_SERVING", ROOT.parent / "shared/public/serving"))
PATH = FOLDER / "llama70b_h100.csv"
KV_LIMITED_MS = 5000
BARS = {"ttft": 0.20, "tpot": 0.08}
SCENARIO = """
model: {{base: models/llama-3.1-70b, weights: fp8, kv: bf16}}
cluster: clusters/hgx-h100
layout: {{tensor_parallel: {tp_size}}}
engine: {{max_step_tokens: 8192, max_sequences: {concurrency}, reserve: 4.2 GB, host: engines/vllm-v1}}
workload:
  arrivals: {{process: closed_loop, concurrency: {concurrency}}}
  requests: {requests}
  input_tokens: {{distribution: uniform, min: {isl_min}, max: {isl}}}
  output_tokens: {{distribution: uniform, min: {osl_min}, max: {osl}}}
"""


def simulate(program, row):
    """The summary of a run of one row's load."""
    text = SCENARIO.format(requests=10 * int(row["concurrency"]), isl_min=int(0.8 * int(row["isl"])),
                           osl_min=int(0.8 * int(row["osl"])), **row)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([program, "run", file.name, "--json", "--quiet"], text=True,
                              capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def compare(program):
    """Prints the rows; the medians of absolute errors, and how many rows KV was misjudged of."""
    with PATH.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["backend"] == "vllm"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        summaries = list(pool.map(lambda row: simulate(program, row), rows))
    errors = {name: [] for name in BARS}
    unrecognised = 0
    print("   in   out  conc.  TP   TTFT measured  simulated   error   TPOT measured  simulated   error")
    for row, summary in zip(rows, summaries):
        cells = [f"{row['isl']:>5} {row['osl']:>5} {row['concurrency']:>6} {row['tp_size']:>3}"]
        is_limited = float(row["silicon_ttft_ms"]) > KV_LIMITED_MS
        for name in BARS:
            measured_ms = float(row[f"silicon_{name}_ms"])
            simulated_ms = 1000 * summary[f"{name}_s"]["mean"]
            error = simulated_ms / measured_ms - 1
            cells.append(f"{measured_ms:13.1f} {simulated_ms:10.1f} {error:+7.1%}")
            if not is_limited:
                errors[name].append(abs(error))
        unrecognised += is_limited != (1000 * summary["ttft_s"]["mean"] > KV_LIMITED_MS)
        print("  ".join(cells), "  limited by KV" if is_limited else "")
    return {name: median(values) for name, values in errors.items()}, unrecognised


def main():
    if not PATH.exists():
        print(f"skipped: {PATH} is not there")
        return 77
    medians, unrecognised = compare(sys.argv[1])
    for name, bar in BARS.items():
        print(f"{name}: median of absolute errors {medians[name]:.1%}, bar {bar:.0%}")
    print(f"rows wrongly taken for limited by KV, or not: {unrecognised}")
    return int(unrecognised > 0 or any(medians[name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
