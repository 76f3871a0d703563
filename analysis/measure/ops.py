#!/usr/bin/env python3
"""Times the kernels of decoder layers on one GPU: kernels.csv for `tandem calibrate`.

A time is the median microseconds of one call inside a replayed CUDA graph, operands rotated over
more memory than the L2 holds, at the GPU's full clock: what may draw more power than its limit
allows is timed in bursts with rests between them (power.py says what becomes of longer ones).
GEMMs of few rows and many weights are timed in place, in layers that decode: on H200 some take 8%
longer there. Shapes are the shards of the chosen models. All in bf16.
"""

import argparse
import collections
import itertools
import statistics
import time

import table
from lazily import lazily
from models import HEAD_DIM, MODELS, ROOM_TOKENS, shard

torch = lazily("torch")
F = lazily("torch.nn.functional")
profiler = lazily("torch.profiler")
attention = lazily("torch.nn.attention")
bias = lazily("torch.nn.attention.bias")
tk = lazily("triton_kernels")

BEYOND_L2_BYTES = 2.5e8
KV_COPIES_MAX = 256
ELEMENTWISE_CALLS = 8
IN_PLACE_BYTES = 1e8  # of weights: GEMMs of as many are timed in place where their rows are few
LAYERS_BYTES = 6e9    # of weights, in the layers that they are timed in
IN_PLACE_REPLAYS = 4
IN_PLACE_CONTEXT = 512
GEMMS_OF_LAYER = (1, 4, 6, 8)  # of decode_layer()
HOT_ROWS = 129     # GEMMs of as many rows and more are bound by compute, or nearly so
BURST_MS = 8       # a third of what a GPU computes before it slows down
REST_S = 0.04      # after which it may again
BURSTS = 5

FULL = {
    # Between powers of two, whose tiles all do full work, other counts take up to 10% longer.
    "gemm_rows": [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 512, 608, 736, 864, 1024, 1216,
                  1472, 1728, 2048, 4096, 8192],
    "decode_sequences": [1, 4, 16, 64, 128],
    "decode_contexts": [128, 512, 1024, 2048, 4096, 8192, 16384],
    # (new tokens, tokens before them)
    "prefill_chunks": [(16, 0), (64, 0), (128, 0), (256, 0), (512, 0), (1024, 0), (2048, 0),
                       (4096, 0), (8192, 0), (16384, 0), (512, 1536), (512, 3584), (512, 7680),
                       (2048, 6144), (128, 3968), (16, 2032), (16, 496), (64, 960),
                       # What is left of a prompt whose beginning was found in KV.
                       (64, 2048), (256, 2048), (16, 8192), (64, 8192), (128, 8192), (256, 8192),
                       (512, 8192), (16, 32768), (64, 32768), (128, 32768), (256, 32768),
                       (512, 32768), (16, 98304), (64, 98304), (128, 98304), (256, 98304),
                       (512, 98304)],
    "elementwise_rows": [1, 8, 32, 128, 512, 2048, 8192],
    "copy_bytes": [1 << 12, 1 << 16, 1 << 20, 1 << 24, 1 << 28, 1 << 30],
}
QUICK = {
    "gemm_rows": [1, 8, 32, 64, 128, 512, 2048],
    "decode_sequences": [1, 16, 64],
    "decode_contexts": [128, 512, 2048, 8192],
    "prefill_chunks": [(64, 0), (256, 0), (512, 0), (2048, 0), (4096, 0), (512, 1536)],
    "elementwise_rows": [1, 32, 512, 2048],
    "copy_bytes": [1 << 12, 1 << 20, 1 << 28],
}


def randn(*shape):
    return torch.empty(*shape, dtype=torch.bfloat16, device="cuda").normal_()


def elapsed_ms(run):
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def run_all(calls):
    for call in calls:
        call()


def graph_of(calls):
    """A graph of calls that have been made before, replayed once."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run_all(calls)
    graph.replay()
    torch.cuda.synchronize()
    return graph


def replayed(calls):
    """A graph of `calls` some times over, for 2 ms or so, and how many there are in it."""
    run_all(calls)
    torch.cuda.synchronize()
    call_ms = max(elapsed_ms(lambda: run_all(calls)) / len(calls), 2e-3)
    repeats = max(1, min(8, int(2.0 / (call_ms * len(calls)))))
    return graph_of(calls * repeats), repeats * len(calls)


def median_us(calls, replays_ms=12.0):
    """Median microseconds of one of `calls`, variants of one kernel over rotated operands."""
    graph, count = replayed(calls)
    replay_ms = elapsed_ms(graph.replay)
    replays = max(3, min(15, int(replays_ms / replay_ms)))
    times_ms = [elapsed_ms(graph.replay) for _ in range(replays)]
    return statistics.median_high(times_ms) * 1e3 / count


def rested_median_us(calls):
    """The same in short bursts, each after a rest, for kernels that draw much power."""
    graph, count = replayed(calls)
    times_ms = []
    for _ in range(BURSTS):
        torch.cuda.synchronize()
        time.sleep(REST_S)
        burst_ms = 0
        while burst_ms < BURST_MS:
            times_ms.append(elapsed_ms(graph.replay))
            burst_ms += times_ms[-1]
    return statistics.median_high(times_ms) * 1e3 / count


def row(op, time_us, **dimensions):
    return {"op": op, "dtype": "bf16", "time_us": f"{time_us:.3f}", **dimensions}


def starts_us(run):
    """When each kernel, copy or fill of a GPU's work began."""
    with profiler.profile(activities=[profiler.ProfilerActivity.CUDA]) as trace:
        run()
        torch.cuda.synchronize()
    return sorted(event.time_range.start for event in trace.events()
                  if event.device_type == torch.autograd.DeviceType.CUDA)


def layer_us(calls, layers):
    """
    Median microseconds of each of a layer's calls, from its start to the next one's; `calls` are
    those of all layers. What a replay begins and ends with is left out.
    """
    a_layer = len(calls) // layers
    run_all(calls)
    parts = [len(starts_us(call)) for call in calls[:a_layer]] * layers * IN_PLACE_REPLAYS
    graph = graph_of(calls)
    starts = starts_us(lambda: run_all([graph.replay] * IN_PLACE_REPLAYS))
    assert sum(parts) == len(starts), "a call is not the same kernels every time"
    begins = [starts[at] for at in itertools.accumulate(parts[:-1], initial=0)]
    times = [[] for _ in range(a_layer)]
    for i in range(len(calls), len(begins) - 1):
        if (i + 1) % len(calls):
            times[i % a_layer].append(begins[i + 1] - begins[i])
    return [statistics.median(one) for one in times]


def decode_layer(one, weights, rows, kv):
    """A layer's calls for so many decodes."""
    x, residual, norm, q, attended = (randn(rows, width) for width in (
        one.hidden, one.hidden, one.hidden, one.heads * HEAD_DIM, one.heads * HEAD_DIM))
    qkv, gate_up, activated = (randn(rows, width) for width in (one.qkv, 2 * one.ffn, one.ffn))
    gain = randn(one.hidden)
    position = torch.full((rows,), IN_PLACE_CONTEXT, dtype=torch.int32, device="cuda")
    slot = torch.arange(rows, dtype=torch.int32, device="cuda")
    partial, state = (torch.empty(floats, dtype=torch.float32, device="cuda")
                      for floats in tk.decode_scratch_floats(rows, one.kv_heads, ROOM_TOKENS))
    heads = (rows, one.heads, HEAD_DIM)
    return [lambda: tk.rmsnorm_residual(x, residual, gain, norm),
            lambda: torch.mm(norm, weights[0].t(), out=qkv),
            lambda: tk.rope_kv_write(qkv, q.view(heads), *kv, position, slot),
            lambda: tk.attention_decode(q.view(heads), *kv, position, slot, partial, state,
                                        attended.view(heads), rows),
            lambda: torch.mm(attended, weights[1].t(), out=x),
            lambda: tk.rmsnorm_residual(x, residual, gain, norm),
            lambda: torch.mm(norm, weights[2].t(), out=gate_up),
            lambda: tk.silu_mul(gate_up, activated),
            lambda: torch.mm(activated, weights[3].t(), out=x)]


def gemms_in_place(shards, rows):
    """{(m, n, k): microseconds} of the projections with the most weights; where several shards
    have one, the mean."""
    found = collections.defaultdict(list)
    for one in shards:
        shapes = one.gemms()[:-1]
        if 2 * max(n * k for n, k in shapes) < IN_PLACE_BYTES:
            continue
        layers = min(24, int(LAYERS_BYTES // sum(2 * n * k for n, k in shapes)) + 2)
        weights = [[randn(n, k) for n, k in shapes] for _ in range(layers)]
        kv = [randn(max(rows), one.kv_heads, ROOM_TOKENS, HEAD_DIM) for _ in range(2)]
        for m in rows:
            calls = [call for layer in weights for call in decode_layer(one, layer, m, kv)]
            times_us = layer_us(calls, layers)
            for (n, k), place in zip(shapes, GEMMS_OF_LAYER):
                if 2 * n * k >= IN_PLACE_BYTES:
                    found[m, n, k].append(times_us[place])
    return {shape: statistics.mean(times_us) for shape, times_us in found.items()}


def gemm_alone_us(m, n, weights):
    """The same over as many weights as outgrow the L2, (m, k) by (k, n) each."""
    inputs = [randn(m, weights[0].shape[1]) for _ in range(2)]
    out = torch.empty(m, n, dtype=torch.bfloat16, device="cuda")
    calls = [lambda w=w, x=inputs[i % 2]: torch.mm(x, w.t(), out=out)
             for i, w in enumerate(weights)]
    return rested_median_us(calls) if m >= HOT_ROWS else median_us(calls)


def gemms(shards, grid):
    """(m, k) x (k, n) for the projections of every shard, in place or alone."""
    in_place = gemms_in_place(shards, [m for m in grid["gemm_rows"] if m < HOT_ROWS])
    for n, k in sorted({shape for one in shards for shape in one.gemms()}):
        copies = max(1, min(24, int(BEYOND_L2_BYTES // (2 * n * k)) + 1))
        weights = [randn(n, k) for _ in range(copies)]
        for m in grid["gemm_rows"]:
            if n > 60000 and m > 512:
                continue  # an LM head sees one row a sequence
            time_us = in_place.get((m, n, k)) or gemm_alone_us(m, n, weights)
            yield row("gemm", time_us, m=m, n=n, k=k)


def cold_caches(sequences, kv_heads, context, room):
    """(keys, values) of sequences with `room` tokens each, as many as `context` outgrows L2 with."""
    touched_bytes = 4 * sequences * kv_heads * context * HEAD_DIM
    copies = max(1, min(KV_COPIES_MAX, int(BEYOND_L2_BYTES // touched_bytes) + 1))
    return [tuple(randn(sequences, kv_heads, room, HEAD_DIM) for _ in range(2))
            for _ in range(copies)]


def decode_attentions(heads_of_shards, grid):
    """
    One new token for each of `batch` sequences of `ctx` tokens. Between two steps' reads of the
    same KV all weights pass through the L2, so the KV is cold; and it has room, which the kernel's
    grid covers, for as many tokens as serve.py's.
    """
    for heads, kv_heads in heads_of_shards:
        for batch in grid["decode_sequences"]:
            for context in grid["decode_contexts"]:
                if 4 * batch * kv_heads * context * HEAD_DIM > 2e10:
                    continue  # more KV than a GPU has room for beside it
                room = max(context, ROOM_TOKENS)
                q = randn(batch, heads, HEAD_DIM)
                out = torch.empty_like(q)
                position = torch.full((batch,), context - 1, dtype=torch.int32, device="cuda")
                slot = torch.arange(batch, dtype=torch.int32, device="cuda")
                partial, state = (torch.empty(floats, dtype=torch.float32, device="cuda")
                                  for floats in tk.decode_scratch_floats(batch, kv_heads, room))
                calls = [lambda k=k, v=v: tk.attention_decode(q, k, v, position, slot, partial,
                                                              state, out, batch)
                         for k, v in cold_caches(batch, kv_heads, context, room)]
                yield row("attn_decode", median_us(calls), batch=batch, heads=heads,
                          kv_heads=kv_heads, q_len=1, ctx=context)


def prefill_attentions(op, backends, heads_of_shards, grid):
    """One chunk of a prompt whose KV ends at `ctx`, by the one of `backends` that PyTorch picks."""
    for heads, kv_heads in heads_of_shards:
        for tokens, before in grid["prefill_chunks"]:
            context = before + tokens
            q = randn(1, heads, tokens, HEAD_DIM)
            k, v = (randn(1, kv_heads, context, HEAD_DIM) for _ in range(2))
            if before == 0:
                mask = {"is_causal": True}
            else:
                mask = {"attn_mask": bias.causal_lower_right(tokens, context)}
            call = lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True, **mask)
            with attention.sdpa_kernel(backends):
                time_us = median_us([call])
            yield row(op, time_us, batch=1, heads=heads, kv_heads=kv_heads, q_len=tokens,
                      ctx=context)


def norms(shards, grid):
    for width in sorted({one.hidden for one in shards}):
        for m in grid["elementwise_rows"]:
            x, residual, out = (randn(m, width) for _ in range(3))
            weight = randn(width)
            call = lambda: tk.rmsnorm_residual(x, residual, weight, out)
            yield row("rmsnorm_residual", median_us([call] * ELEMENTWISE_CALLS), m=m, n=width)


def activations(shards, grid):
    for ffn in sorted({one.ffn for one in shards}):
        for m in grid["elementwise_rows"]:
            gate_up, out = randn(m, 2 * ffn), randn(m, ffn)
            call = lambda: tk.silu_mul(gate_up, out)
            yield row("silu_mul", median_us([call] * ELEMENTWISE_CALLS), m=m, n=ffn)


def ropes(heads_of_shards, grid):
    for heads, kv_heads in heads_of_shards:
        for m in grid["elementwise_rows"]:
            k_cache, v_cache = (randn(1, kv_heads, 8192, HEAD_DIM) for _ in range(2))
            qkv, q = randn(m, (heads + 2 * kv_heads) * HEAD_DIM), randn(m, heads, HEAD_DIM)
            position = torch.arange(m, dtype=torch.int32, device="cuda")
            slot = torch.zeros(m, dtype=torch.int32, device="cuda")
            call = lambda: tk.rope_kv_write(qkv, q, k_cache, v_cache, position, slot)
            yield row("rope_kv_write", median_us([call] * ELEMENTWISE_CALLS), m=m, heads=heads,
                      kv_heads=kv_heads)


def copies(grid):
    for count in grid["copy_bytes"]:
        source, target = (torch.empty(count, dtype=torch.uint8, device="cuda") for _ in range(2))
        yield row("copy", median_us([lambda: target.copy_(source)] * 4), m=count)


def measure(shards, grid):
    """All rows, class by class."""
    heads = sorted({(one.heads, one.kv_heads) for one in shards}, reverse=True)
    flash2 = [attention.SDPBackend.FLASH_ATTENTION]
    any_backend = flash2 + [attention.SDPBackend.CUDNN_ATTENTION,
                            attention.SDPBackend.EFFICIENT_ATTENTION]
    classes = {
        "GEMM": gemms(shards, grid),
        "decode attention": decode_attentions(heads, grid),
        "prefill attention": prefill_attentions("attn_prefill", any_backend, heads, grid),
        "prefill attention, FlashAttention-2": prefill_attentions("attn_prefill_fa2", flash2,
                                                                  heads, grid),
        "norm": norms(shards, grid),
        "activation": activations(shards, grid),
        "RoPE and KV write": ropes(heads, grid),
        "copy": copies(grid),
    }
    rows = []
    for name, measured in classes.items():
        begun_s = time.monotonic()
        before = len(rows)
        rows.extend(measured)
        print(f"{name}: {len(rows) - before} in {time.monotonic() - begun_s:.0f} s", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="kernels.csv", help="the CSV to write (%(default)s)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS),
                        help="whose shapes (all)")
    parser.add_argument("--tp", nargs="+", type=int, default=[1, 2, 4, 8], metavar="N",
                        help="tensor parallelism of the shards (1 2 4 8)")
    parser.add_argument("--device", type=int, default=0, help="index of the GPU (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="few points: a try-out")
    options = parser.parse_args()
    torch.cuda.set_device(options.device)
    shards = [shard(MODELS[model], tp) for model in options.models for tp in options.tp]
    rows = measure(shards, QUICK if options.quick else FULL)
    table.write(options.out, "Kernel times: one call inside a replayed CUDA graph.",
                table.source("ops.py"), table.KERNEL_COLUMNS, rows)


if __name__ == "__main__":
    main()
