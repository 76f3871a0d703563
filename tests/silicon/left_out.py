#!/usr/bin/python3
"""How far are the shipped GPUs' tables from measurements that they were not given?

usage: left_out.py TANDEM [GPU]...

Runs `tandem calibrate --residuals` on a copy of each GPU's folder with tables (all of configs/gpus
where none is named: minutes), and prints
the mean errors of points left out one at a time and of whole shapes left out. Exit codes: 0, or 1
where the tables of H200 in bf16, our own measurements, miss a bar, or a folder's residuals.csv is not what
its tables come to (`tandem calibrate --residuals -o FOLDER` writes it anew).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GPUS = ROOT / "configs" / "gpus"
HELD_TO_BARS = "h200-sxm"
BARS = {"gemm": 0.04, "attn_decode": 0.05, "attn_prefill": 0.05, "attn_prefill_fa2": 0.05,
        "attn_decode_fa3": 0.05, "attn_prefill_fa3": 0.05, "collectives": 0.07}
LEFT_OUT = {"point": "sample_error", "shape": "shape_error"}


def report(tandem, folder):
    """The report of a folder's tables, and the residuals.csv that they come to."""
    with tempfile.TemporaryDirectory(prefix="tandem-left-out-") as work:
        copy = Path(shutil.copytree(folder, Path(work) / folder.name))
        done = subprocess.run([tandem, "calibrate", "--residuals", "-o", copy, "--json"], text=True,
                              capture_output=True, check=False,
                              env=dict(os.environ, TANDEM_DATA_DIR=str(ROOT)))
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)["classes"], (copy / "residuals.csv").read_bytes()


def mean_errors(classes):
    """{(kernel or "collectives", what was left out): mean error}; kernels not in bf16 say so."""
    sums = {}
    for one in classes:
        op = one["op"] if one["detail"] == "bf16" else f"{one['op']} {one['detail']}"
        op = "collectives" if "," in one["detail"] else op
        for left_out, key in LEFT_OUT.items():
            if one[key]:
                total, samples = sums.get((op, left_out), (0.0, 0))
                sums[op, left_out] = (total + one[key]["mean"] * one[key]["samples"],
                                      samples + one[key]["samples"])
    return {what: total / samples for what, (total, samples) in sums.items()}


def check(folder, classes, residuals):
    """Prints a GPU's errors; whether they keep what is promised of them."""
    is_kept = True
    errors = mean_errors(classes)
    for op in dict.fromkeys(op for op, _ in errors):
        cells = [f"{folder.name:16} {op:18}"]
        for left_out in LEFT_OUT:
            error = errors.get((op, left_out))
            # A collective's shape is its number of ranks; no bar is set for one left out.
            bar = BARS.get(op) if (op, left_out) != ("collectives", "shape") else None
            missed = folder.name == HELD_TO_BARS and None not in (error, bar) and error > bar
            is_kept &= not missed
            text = "-" if error is None else f"{error:.1%}"
            cells.append(f"{left_out} left out {text:>6}{' MISSED' if missed else ''}")
        print("  ".join(cells))
    if residuals != (folder / "residuals.csv").read_bytes():
        print(f"{folder.name}: residuals.csv is not of these tables")
        return False
    return is_kept


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.split("\n\n")[1])
    folders = sorted(path.parent for path in GPUS.glob("*/kernels.csv")
                     if not sys.argv[2:] or path.parent.name in sys.argv[2:])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda folder: report(sys.argv[1], folder), folders))
    kept = [check(folder, *one) for folder, one in zip(folders, reports)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
