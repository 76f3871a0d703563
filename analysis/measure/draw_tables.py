#!/usr/bin/python3
"""Draws tandem's tables for A100, H100, B200 and L40S, and what tandem has not measured of H200,
from NVIDIA's published kernel timings.

SOURCE_FOLDER holds, for each system, the collected timings of aiconfigurator (NVIDIA, Apache-2.0)
as gzip CSVs: gemm, gemm_fp8_block_graph, attention_context, attention_generation, moe, nccl and
custom_allreduce, times in microseconds. What is drawn is thinned to what interpolation needs, and
corrected where the way of measuring shows:

- Attention was timed as a graph of one kernel. On H200 its fastest decode takes 10.8 us there and
  5.5 us in the middle of a longer graph (tandem's own measurement); that share of a system's
  fastest decode, 0.49, is taken off all its attention times.
- KV that stays in L2 between calls is read faster than memory can be, or nearly: by L40S 2.9 times
  as fast. An engine's other layers read their weights and KV in between: decode attention whose KV
  would fit the L2 is given at least the time that it takes from memory, at the rate which half of
  those reach whose KV is more than twice as large as the L2.
- fp8 is the faster of per-tensor scales (vLLM) and 128 x 128 blocks replayed in a graph
  (TensorRT-LLM), both with the activations' quantisation: the first quantises slowly at many rows,
  the second is slow at few. Blocks launched one by one are bound by the CPU and left out.
- Weights that stay in L2 between calls are read faster than memory can be: a GEMM is given at
  least the time that its weights take from memory at its peak rate.
- Experts are timed by vLLM as one operation, with the sorting of rows and the sum over each token's
  experts, in a graph of one call, whose replay is some 1 us of at least 15 us and left in. Taken are
  loads that are even, of which it is known how many experts they reach. A100 has skewed loads alone:
  of the less skewed, what their way of drawing reaches in the mean; at equal numbers of experts such
  loads take 4 to 12% longer elsewhere, and so A100's table will be as much too slow for even ones.
  fp8 is 128 x 128 blocks, as published checkpoints of mixtures have them; per-tensor scales take a
  median 2 to 6 times as long on Hopper, and 0.5 to 0.9 times on B200.
- Where GPUs share experts whole, one was timed that holds the first of them and is handed the tokens
  of all GPUs, as vLLM does after an all-reduce or all-gather. Left out are so few tokens that a GPU's
  experts get less than a row in the mean, and A100's: of skewed loads the GPU that was timed has the
  busiest experts, and how busy is not said.
- NCCL was timed by nccl-tests, whose launches overlap: the times stand for replayed graphs.
"""
import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

REPLAY_SHARE = 0.49  # of the fastest decode attention, see above

GEMM_M = [1, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096,
          8192]
GEMM_N = [512, 1024, 2048, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 16384, 51200,
          65536]
GEMM_K = [512, 1024, 2048, 3072, 3584, 4096, 5120, 7168, 8192, 12288, 16384, 65536]
HEADS = [(heads, kv_heads) for heads in (4, 8, 16, 32, 40, 64) for kv_heads in (1, 2, 4, 8)
         if 1 < heads // kv_heads <= 16]
BATCHES = [1, 4, 16, 64, 128, 256, 512]
CONTEXTS = [128, 512, 1024, 2048, 4096, 8192, 16384, 32768, 131072]
CHUNKS = [1, 16, 32, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384]
EXPERTS_M = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072,
             4096, 8192, 16384]
EXPERTS_RANKS_MAX = 64  # GPUs that share experts whole
EXPERTS_N_MIN = 64  # columns: thinner slices of an expert are no layout that serves

KV_BYTES = {"bf16": 2, "fp8": 1}
HEAD_DIM = 128
WEIGHT_BYTES = {"bf16": 2, "fp8": 1, "fp4": 0.5625}
OURS = {"bf16": "bf16", "fp8": "fp8", "nvfp4": "fp4"}  # dtypes, theirs to ours
EXPERTS_OURS = {"bf16": "bf16", "fp8_block": "fp8"}
COLUMNS = ["op", "dtype", "m", "n", "k", "batch", "heads", "kv_heads", "q_len", "ctx", "time_us"]
EXPERTS_COLUMNS = ["op", "dtype", "m", "n", "k", "experts", "top_k", "ranks", "reached",
                   "time_us"]


@dataclass
class System:
    source: str              # folder of the timings
    folder: str              # folder of the GPU
    name: str
    bytes_per_us: float      # peak memory bandwidth, NVIDIA's datasheet
    l2_bytes: float          # NVIDIA's whitepaper of the architecture
    versions: str            # of what was timed
    peer: int                # 1: NVLink, 0: PCIe without peer access
    load: str = "balanced"   # of experts
    is_measured: bool = False  # by tandem itself, in bf16: drawn is what it has not


SYSTEMS = [
    System("a100_sxm", "a100-80g-sxm", "A100 80 GB SXM", 2.039e6, 40 * 2**20,
           "vLLM 0.14.0, NCCL 2.27.3", 1, load="power_law_1.01"),
    System("h100_sxm", "h100-sxm", "H100 SXM", 3.35e6, 50 * 2**20,
           "vLLM 0.24.0, TensorRT-LLM 1.3.0rc20, NCCL 2.29.2", 1),
    System("h200_sxm", "h200-sxm", "H200 SXM", 4.8e6, 50 * 2**20,
           "vLLM 0.24.0, TensorRT-LLM 1.3.0rc20, NCCL 2.29.2", 1, is_measured=True),
    System("b200_sxm", "b200-sxm", "B200 SXM", 8.0e6, 126 * 2**20,
           "vLLM 0.24.0, TensorRT-LLM 1.3.0rc20, NCCL 2.29.2", 1),
    System("l40s", "l40s", "L40S", 0.864e6, 96 * 2**20,
           "vLLM 0.24.0 (custom all-reduce 0.14.0), TensorRT-LLM 1.3.0rc20, NCCL 2.27.3", 0),
]


def gemms(source, bytes_per_us):
    """GEMM rows: the fastest kernel of each dtype, no faster than memory allows."""
    rows = pd.read_csv(source / "gemm.csv.gz")
    rows = rows[rows.dtype.isin(OURS)]
    blocks = source / "gemm_fp8_block_graph.csv.gz"
    if blocks.exists():
        rows = pd.concat([rows, pd.read_csv(blocks).assign(dtype="fp8")])
    rows = rows[rows.m.isin(GEMM_M) & rows.n.isin(GEMM_N) & rows.k.isin(GEMM_K)]
    rows = rows.assign(dtype=rows.dtype.map(OURS))
    rows = rows.groupby(["dtype", "n", "k", "m"], as_index=False).time_us.min()
    from_memory_us = rows.n * rows.k * rows.dtype.map(WEIGHT_BYTES) / bytes_per_us
    return rows.assign(op="gemm", time_us=rows.time_us.clip(lower=from_memory_us))


def full_attention(path):
    """Rows of plain attention over heads of 128; their dtype is the KV cache's."""
    rows = pd.read_csv(path)
    shapes = pd.Series(list(zip(rows.heads, rows.kv_heads)), index=rows.index)
    rows = rows[(rows.head_dim == 128) & (rows.window == 0) & shapes.isin(HEADS)]
    return rows.drop(columns="dtype").rename(columns={"kv_dtype": "dtype"})


def from_memory(decode, l2_bytes):
    """Decode rows whose KV is no faster for fitting the L2 than it would be from memory."""
    kv_bytes = 2 * decode.batch * decode.context_len * decode.kv_heads * HEAD_DIM * \
        decode.dtype.map(KV_BYTES)
    rates = kv_bytes / decode.time_us
    least_us = kv_bytes / rates[kv_bytes > 2 * l2_bytes].median()
    return decode.assign(time_us=decode.time_us.where(kv_bytes > l2_bytes,
                                                      decode.time_us.clip(lower=least_us)))


def attentions(source, l2_bytes):
    """Decode and prefill rows, less what replaying a graph of one kernel costs."""
    decode = full_attention(source / "attention_generation.csv.gz")
    replay_us = REPLAY_SHARE * decode.time_us.min()
    decode = decode[decode.batch.isin(BATCHES) & decode.context_len.isin(CONTEXTS)]
    decode = decode.assign(op="attn_decode", q_len=1, ctx=decode.context_len,
                           time_us=decode.time_us - replay_us)
    prefill = full_attention(source / "attention_context.csv.gz")
    prefill = prefill[(prefill.batch == 1) & prefill.isl.isin(CHUNKS)]
    prefill = prefill.assign(op="attn_prefill", q_len=prefill.isl, ctx=prefill.isl,
                             time_us=prefill.time_us - replay_us)
    return pd.concat([from_memory(decode, l2_bytes), prefill])


def of_vllm(kernels):
    """Attention in bf16 on Hopper, told apart from tandem's own."""
    rows = kernels[kernels.op.str.startswith("attn") & (kernels.dtype == "bf16")]
    return rows.assign(op=rows.op + "_fa3")


def reached_evenly(tokens, experts, top_k, ranks):
    """Distinct experts of the first of `ranks` GPUs that an even load of the source goes to: a
    token's are a stride apart, the next token's lie beside them or, of few tokens, are spread over
    the stride."""
    stride = math.ceil(experts / top_k)
    step = 1 if tokens >= stride else stride / tokens
    reached = {int(token * step + choice * stride) % experts
               for token in range(min(tokens, experts)) for choice in range(top_k)}
    return sum(expert < experts // ranks for expert in reached)


def reached_skewed(tokens, experts, top_k, exponent):
    """The mean of a skewed load: the source draws each expert's share from a power law between these
    limits and rounds it to whole tokens, of which each goes to `top_k` different experts."""
    low, high = (1, 0.8 * tokens) if tokens * top_k > experts else (0.01, 2)
    power = 1 - exponent
    quantiles = np.random.default_rng(1).random((100, experts))
    shares = (low ** power + quantiles * (high ** power - low ** power)) ** (1 / power)
    loads = np.rint(tokens * top_k * shares / shares.sum(axis=1, keepdims=True))
    return max(top_k, round((loads > 0).sum(axis=1).mean()))


def experts_reached(load, *layer, ranks):
    """Of (tokens, experts, top_k) under a load of that name, those of one GPU."""
    if load == "balanced":
        return reached_evenly(*layer, ranks)
    return reached_skewed(*layer, float(load.removeprefix("power_law_")))


def experts(source, bytes_per_us, load):
    """Rows of experts so loaded, each GPU with a slice of all or its share of them whole, no faster
    than memory allows."""
    rows = pd.read_csv(source / "moe.csv.gz")
    rows = rows[rows.distribution == load]
    rows = rows.assign(op=np.where(rows.moe_ep > 1, "experts_parallel", "experts"),
                       dtype=rows.dtype.map(EXPERTS_OURS), n=rows.inter // rows.moe_tp)
    rows = rows.rename(columns={"num_tokens": "m", "hidden": "k", "topk": "top_k", "moe_ep": "ranks"})
    rows = rows[rows.dtype.notna() & rows.m.isin(EXPERTS_M) & (rows.n >= EXPERTS_N_MIN)]
    rows = rows[(rows.ranks <= (EXPERTS_RANKS_MAX if load == "balanced" else 1)) &
                (rows.m * rows.top_k >= rows.ranks)]
    reached = [experts_reached(load, *one, ranks=ranks) for *one, ranks
               in zip(rows.m, rows.experts, rows.top_k, rows.ranks)]
    from_memory_us = 3 * rows.n * rows.k * reached * rows.dtype.map(WEIGHT_BYTES) / bytes_per_us
    rows = rows.assign(reached=reached, time_us=rows.time_us.clip(lower=from_memory_us))
    rows["ranks"] = rows.ranks.where(rows.ranks > 1)
    return rows.sort_values(["op", "dtype", "k", "experts", "top_k", "ranks", "n", "m"])


def collectives(source, peer):
    """NCCL's collectives, and vLLM's own all-reduce in graphs and launched one by one."""
    nccl = pd.read_csv(source / "nccl.csv.gz")
    nccl = nccl[nccl.dtype == "fp16"].assign(graph=1)
    nccl = nccl.assign(op=nccl.op.replace("alltoall", "all_to_all"))
    custom = pd.read_csv(source / "custom_allreduce.csv.gz")
    custom = custom.assign(op="custom_all_reduce", graph=(custom["mode"] == "graph").astype(int))
    rows = pd.concat([nccl, custom]).assign(p2p=peer).rename(columns={"gpus": "ranks"})
    return rows[["op", "ranks", "bytes", "p2p", "graph", "time_us"]]


def is_beyond_own(rows):
    """Of collectives: which tandem's own measurements, of NCCL among 2 and 4 GPUs, have not."""
    return (rows.op == "custom_all_reduce") | (rows.ranks == 8)


def write(path, title, versions, rows, note=""):
    """A CSV with its source; numbers in 5 digits, whole ones without a point."""
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write(f"# {title}\n# Source: drawn by analysis/measure/draw_tables.py from "
                   f"aiconfigurator (NVIDIA, Apache-2.0):\n# {versions}.\n{note}")
        file.write(",".join(rows.columns) + "\n")
        for row in rows.itertuples(index=False):
            file.write(",".join("" if pd.isna(value) else f"{value:.5g}"
                                if column == "time_us" else str(value).removesuffix(".0")
                                for column, value in zip(rows.columns, row)) + "\n")
    print(f"{path}: {len(rows)} rows, {path.stat().st_size / 1000:.0f} kB")


def cache_note(l2_bytes):
    """What a table of kernels says of decodes that were timed in cache."""
    return (f"# Decodes whose KV would fit the L2 of {l2_bytes / 2**20:.0f} MB have at least the "
            "time that it takes from\n# memory: between a layer's decodes an engine's other layers "
            "pass through the L2.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", metavar="SOURCE_FOLDER", type=Path)
    parser.add_argument("gpus", metavar="CONFIGS_GPUS_FOLDER", type=Path)
    options = parser.parse_args()
    sources, gpus = options.sources, options.gpus
    for system in SYSTEMS:
        source = sources / system.source
        of_experts = experts(source, system.bytes_per_us, system.load)
        of_experts = of_experts[EXPERTS_COLUMNS].dropna(axis=1, how="all")  # A100 has no ranks
        write(gpus / system.folder / "experts.csv", f"Experts' times on {system.name}.",
              f"{system.versions.split(',')[0]}, loads {system.load}", of_experts)
        kernels = pd.concat([gemms(source, system.bytes_per_us),
                             attentions(source, system.l2_bytes)])
        note = cache_note(system.l2_bytes)
        all_collectives = collectives(source, system.peer)
        if system.is_measured:
            write(gpus / system.folder / "kernels_fp8.csv", f"Kernel times on {system.name} in fp8.",
                  system.versions, kernels[kernels.dtype == "fp8"].reindex(columns=COLUMNS), note)
            write(gpus / system.folder / "kernels_published.csv",
                  f"Attention's times on {system.name} by vLLM, FlashAttention-3, in bf16.",
                  system.versions.split(",")[0], of_vllm(kernels).reindex(columns=COLUMNS), note)
            write(gpus / system.folder / "collectives_published.csv",
                  f"Collectives on {system.name}: vLLM's all-reduce, and NCCL's of 8 GPUs.",
                  system.versions, all_collectives[is_beyond_own(all_collectives)])
            continue
        write(gpus / system.folder / "kernels.csv", f"Kernel times on {system.name}.",
              system.versions, kernels.reindex(columns=COLUMNS), note)
        write(gpus / system.folder / "collectives.csv", f"Collectives on {system.name}.",
              system.versions, all_collectives)


if __name__ == "__main__":
    main()
