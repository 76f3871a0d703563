#!/usr/bin/python3
"""From somebody's profile of a GPU to a prediction of their serving run: how far is it?

usage: rtx_pro_6000.py TANDEM

300 ShareGPT requests to Llama-3.1-8B on one RTX PRO 6000 under vLLM 0.19.0, and the GPU's kernel
times, both published with LLMServingSim (KAIST, MIT), in vllm_rtxpro6000_llama8b of the folder that
TANDEM_PUBLIC_SERVING names or, without it, ../shared/public/serving beside the project. Makes a GPU
of the profile with `tandem calibrate`, runs the requests on it under engines/vllm-v1 and compares.
Nothing is fitted to the run, but that vLLM schedules a step ahead is seen in it. The bars are the errors of LLMServingSim's own simulator there.

Latencies count from when a request was queued. Exit codes: 0 within the bars, 1 not, 77 where the
folder is not there.
"""

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = Path(os.environ.get("TANDEM_PUBLIC_SERVING", ROOT.parent / "shared/public/serving"))
FOLDER = PUBLIC / "vllm_rtxpro6000_llama8b"
SKIPPED = 77
BARS = {"ttft_s": 0.04, "tpot_s": 0.015, "e2e_s": 0.018}  # of the means
SCENARIO = """
model: models/llama-3.1-8b
cluster: {base: clusters/pcie-rtx-pro-6000, gpu: gpu/gpu.yaml}
layout: {tensor_parallel: 1}
engine: {max_step_tokens: 2048, max_sequences: 128, host: {base: engines/vllm-v1, admission: 0 s}}
workload: {trace: {file: trace.csv, format: tandem}}
"""


def calibrate(tandem, work):
    """The GPU's folder of the profile, with the shipped datasheet figures."""
    (work / "profile").mkdir()
    for path in (FOLDER / "profile" / "tp1").glob("*.csv.gz"):
        (work / "profile" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    tandem("calibrate", work / "profile", "--format", "llmservingsim", "-o", work / "gpu",
           "--model", ROOT / "configs/models/llama-3.1-8b.yaml",
           "--gpu", ROOT / "configs/gpus/rtx-pro-6000/gpu.yaml", "--source", "this test")


def write_requests(work):
    """What arrived, for the run, and what was measured, for the comparison; from `queued`."""
    with (FOLDER / "requests.csv").open(newline="", encoding="utf-8") as file:
        rows = [dict(row, arrival_s=row["queued_s"]) for row in csv.DictReader(file)]
    tokens = ["arrival_s", "input_tokens", "output_tokens"]
    for name, columns in (("trace.csv", tokens),
                          ("measured.csv", tokens + ["first_token_s", "done_s"])):
        with (work / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


def compare(program):
    """Prints the comparison; the relative errors of the means."""
    def tandem(*arguments):
        return subprocess.run([program, *map(str, arguments)], check=True, text=True,
                              stdout=subprocess.PIPE,
                              env=dict(os.environ, TANDEM_DATA_DIR=str(ROOT))).stdout

    with tempfile.TemporaryDirectory(prefix="tandem-rtx-") as name:
        work = Path(name)
        calibrate(tandem, work)
        write_requests(work)
        (work / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
        tandem("run", work / "scenario.yaml", "-o", work / "run.h5", "--quiet")
        print(tandem("compare", work / "run.h5", work / "measured.csv"))
        case = json.loads(tandem("compare", work / "run.h5", work / "measured.csv", "--json"))
    return {quantity: case["cases"][0][quantity]["mean"]["error"] for quantity in BARS}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    if not FOLDER.is_dir():
        print(f"skipped: {FOLDER} is not there")
        return SKIPPED
    missed = 0
    for quantity, error in compare(os.path.abspath(sys.argv[1])).items():
        bar = BARS[quantity]
        missed += abs(error) > bar
        print(f"mean {quantity:7} {error:+6.1%}, bar {bar:.1%}{'  MISSED' if abs(error) > bar else ''}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
