#!/usr/bin/python3
"""How far are a mixture's experts from times that their tables were not given?

usage: experts.py TANDEM

Runs one layer of each mixture that aiconfigurator (NVIDIA, Apache-2.0) publishes vLLM's times of,
whole, in quarters, and with its experts shared by 2, 4 or 8 GPUs, and holds gate-up, activation and
down against those at numbers of tokens that no table has (80 to 320: decodes; 6,144 and more:
prompts). The source's loads are even or
follow a power law, with exponents of 1.01 and 1.2; the simulator's tokens pick experts at random,
all equally likely, and so reach fewer than an even load at few tokens. Of shared experts only even loads are asked for: under
others the source times the busiest GPU. Looks for the timings in the
folder that TANDEM_PUBLIC_OPS names, ../shared/public/ops beside the project by default. Exit codes:
0 within the bars, 1 not, 77 where they are not there.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("TANDEM_PUBLIC_OPS", ROOT.parent / "shared/public/ops"))
GPUS = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200-sxm",
        "a100_sxm": "a100-80g-sxm", "l40s": "l40s"}
DTYPES = {"bf16": "bf16", "fp8_block": "fp8"}  # theirs to ours
SIZES = {"decodes": [80, 160, 320], "prompts": [6144, 12288]}
SHARES = [1, 4]
RANKS = [2, 4, 8]
SHAPE = ["dtype", "hidden", "inter", "experts", "topk", "moe_tp", "moe_ep"]
PARTS = ["gate_up", "activation", "down"]
BARS = {"decodes": 0.10, "prompts": 0.10}  # of an even load, where there is a table
SCENARIO = """
model: {{name: one layer, layers: 1, hidden: {hidden}, ffn: {ffn}, heads: 8, kv_heads: 8, head_dim: 128,
         vocab: 1024, experts: {experts}, experts_per_token: {topk}, tied_embeddings: true,
         weights: {weights}, kv: bf16}}
cluster: {{base: clusters/pcie-h200, gpus_per_node: 8, gpu: gpus/{gpu}}}
layout: {{tensor_parallel: {ranks}, expert_parallel: {ranks}}}
engine: {{max_step_tokens: 12288, max_sequences: 8,
          host: {{base: engines/cuda-graphs, kernel_gap: 0 us, kernel_gap_eager: 0 us}}}}
workload: {{trace: {{file: {trace}, format: tandem}}}}
run: {{warmup: 0 s}}
output: {{timeline: layers}}
"""
TOKENS = [tokens for sizes in SIZES.values() for tokens in sizes]


def simulate(program, folder, gpu, shape):
    """{tokens: the experts' microseconds} of one shape; empty where it does not fit the GPU."""
    dtype, hidden, inter, experts, topk, share, ranks = shape
    path = Path(folder) / ("-".join(str(part) for part in (gpu, *shape)) + ".yaml")
    path.write_text(SCENARIO.format(
        hidden=hidden, ffn=inter // share, ranks=ranks, experts=experts, topk=topk, weights=DTYPES[dtype],
        gpu=gpu, trace=Path(folder) / "trace.csv"), encoding="ascii")
    result = path.with_suffix(".h5")
    done = subprocess.run([program, "run", path, "--quiet", "-o", result], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0 and "does not fit" in done.stderr:
        return {}
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    with h5py.File(result) as file:
        kinds = h5py.check_enum_dtype(file["spans"].dtype["kind"])
        spans = pd.DataFrame(file["spans"][:])
    spans = spans[spans.kind.isin([kinds[part] for part in PARTS])]
    times_us = spans.groupby("step").duration_ps.sum() / 1e6
    return dict(zip(TOKENS, times_us))


def errors(program, system, pool, folder):
    """The source's rows of one system, with the simulator's error of each."""
    rows = pd.read_csv(FOLDER / system / "moe.csv.gz")
    is_sliced = (rows.moe_ep == 1) & rows.moe_tp.isin(SHARES)
    is_shared = rows.moe_ep.isin(RANKS) & (rows.distribution == "balanced")
    rows = rows[rows.dtype.isin(DTYPES) & rows.num_tokens.isin(TOKENS) & (is_sliced | is_shared)]
    rows["held"] = is_shared.map({False: "slices", True: "whole"})
    shapes = list(rows[SHAPE].drop_duplicates().itertuples(index=False, name=None))
    times = pool.map(lambda shape: simulate(program, folder, GPUS[system], shape), shapes)
    known = {(*shape, tokens): time_us for shape, found in zip(shapes, times)
             for tokens, time_us in found.items()}
    ours = [known.get(key) for key in rows[[*SHAPE, "num_tokens"]].itertuples(index=False, name=None)]
    return rows.assign(error=pd.Series(ours, rows.index, float) / rows.time_us - 1).dropna()


def report(system, rows):
    """Prints a line for each dtype, way of holding experts, size and load; whether an even load keeps
    its bar."""
    is_kept = True
    has_table = (ROOT / "configs/gpus" / GPUS[system] / "experts.csv").exists()
    for (dtype, held, load), mine in rows.groupby(["dtype", "held", "distribution"]):
        for name, sizes in SIZES.items():
            error = mine[mine.num_tokens.isin(sizes)].error
            missed = has_table and load == "balanced" and error.abs().mean() > BARS[name]
            is_kept &= not missed
            print(f"{GPUS[system]:13} {DTYPES[dtype]:5} {held:6} {name:8} {load:15} {len(error):4} points "
                  f"mean error {error.abs().mean():6.1%}  bias {error.mean():+7.1%}"
                  f"{'  MISSED' if missed else ''}")
    return is_kept


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    if not FOLDER.is_dir():
        print(f"the timings are not in {FOLDER}")
        return 77
    is_kept = True
    with tempfile.TemporaryDirectory(prefix="tandem-experts-") as folder, \
            ThreadPoolExecutor(os.cpu_count()) as pool:
        trace = "".join(f"{10 * i},{tokens},1\n" for i, tokens in enumerate(TOKENS))
        (Path(folder) / "trace.csv").write_text("arrival_s,input_tokens,output_tokens\n" + trace,
                                                encoding="ascii")
        for system in GPUS:
            is_kept &= report(system, errors(sys.argv[1], system, pool, folder))
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
