"""The kernels that PyTorch has no fused form of, as ops.py times and serve.py runs them.

All work on bf16 and compute in fp32. Heads are of 128 values; a KV cache is
(slot, KV head, position, 128) with room for S positions a slot.
"""

import triton
import triton.language as tl

# How decode attention is cut up: positions that one program reads, and reads at a time.
SPLIT_TOKENS = 256
BLOCK_TOKENS = 64
GROUP_MAX = 16  # query heads a KV head at most: a tensor core's smallest side


@triton.jit
def _rmsnorm_residual(x, residual, weight, out, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """residual += x; out = RMSNorm(residual) * weight. One program a row."""
    row = tl.program_id(0)
    column = tl.arange(0, BLOCK)
    mask = column < WIDTH
    value = tl.load(x + row * WIDTH + column, mask=mask, other=0.).to(tl.float32)
    value += tl.load(residual + row * WIDTH + column, mask=mask, other=0.).to(tl.float32)
    tl.store(residual + row * WIDTH + column, value.to(tl.bfloat16), mask=mask)
    scale = tl.rsqrt(tl.sum(value * value, 0) / WIDTH + 1e-5)
    value *= scale * tl.load(weight + column, mask=mask, other=0.).to(tl.float32)
    tl.store(out + row * WIDTH + column, value.to(tl.bfloat16), mask=mask)


@triton.jit
def _silu_mul(gate_up, out, FFN: tl.constexpr, BLOCK: tl.constexpr):
    """out = SiLU(gate) * up, side by side in a row of gate_up. Programs: (rows, blocks)."""
    row = tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = column < FFN
    gate = tl.load(gate_up + row * 2 * FFN + column, mask=mask, other=0.).to(tl.float32)
    up = tl.load(gate_up + row * 2 * FFN + FFN + column, mask=mask, other=0.).to(tl.float32)
    value = gate / (1 + tl.exp(-gate)) * up
    tl.store(out + row * FFN + column, value.to(tl.bfloat16), mask=mask)


@triton.jit
def _rope_kv_write(qkv, q, k_cache, v_cache, position, slot, H: tl.constexpr, KH: tl.constexpr,
                   S: tl.constexpr):
    """Rotates Q and K by their positions; K and V go to the cache. Programs: (tokens, heads)."""
    token = tl.program_id(0)
    head = tl.program_id(1)
    half = tl.arange(0, 64)
    at = tl.load(position + token)
    in_slot = tl.load(slot + token).to(tl.int64)
    base = qkv + (token * (H + 2 * KH) + head) * 128
    low = tl.load(base + half).to(tl.float32)
    high = tl.load(base + 64 + half).to(tl.float32)
    if head < H + KH:
        angle = at.to(tl.float32) * tl.exp(-half.to(tl.float32) / 64. * 13.122)  # ln 500,000
        cos = tl.cos(angle)
        sin = tl.sin(angle)
        low, high = low * cos - high * sin, high * cos + low * sin
    if head < H:
        to = q + (token * H + head) * 128
    elif head < H + KH:
        to = k_cache + ((in_slot * KH + (head - H)) * S + at) * 128
    else:
        to = v_cache + ((in_slot * KH + (head - H - KH)) * S + at) * 128
    tl.store(to + half, low.to(tl.bfloat16))
    tl.store(to + 64 + half, high.to(tl.bfloat16))


@triton.jit
def _decode_split(q, k_cache, v_cache, position, slot, partial, state, H: tl.constexpr,
                  KH: tl.constexpr, S: tl.constexpr, G: tl.constexpr, SPLITS: tl.constexpr,
                  SPLIT: tl.constexpr, BLOCK: tl.constexpr):
    """
    Attention of one new token over one split of its KV, for the G query heads of a KV head.
    Programs: (sequences, KV heads, splits). `partial` gets the weighted values, `state` the
    running maximum and sum of the softmax.
    """
    sequence = tl.program_id(0)
    kv_head = tl.program_id(1)
    split = tl.program_id(2)
    length = tl.load(position + sequence) + 1
    begin = split * SPLIT
    group = tl.arange(0, 16)
    dim = tl.arange(0, 128)
    out = ((sequence * KH + kv_head) * SPLITS + split) * 16
    if begin < length:
        in_slot = tl.load(slot + sequence).to(tl.int64)
        end = tl.minimum(begin + SPLIT, length)
        query = tl.load(q + (sequence * H + kv_head * G + group[:, None]) * 128 + dim[None, :],
                        mask=group[:, None] < G, other=0.)
        base = (in_slot * KH + kv_head) * S * 128
        maximum = tl.full([16], -1e30, tl.float32)
        total = tl.zeros([16], tl.float32)
        values = tl.zeros([16, 128], tl.float32)
        for block in range(begin, end, BLOCK):
            column = block + tl.arange(0, BLOCK)
            mask = column[:, None] < end
            key = tl.load(k_cache + base + column[:, None] * 128 + dim[None, :], mask=mask,
                          other=0.)
            score = tl.dot(query, tl.trans(key)) * 0.08838834764  # 1 / sqrt(128)
            score = tl.where(column[None, :] < end, score, -1e30)
            new_maximum = tl.maximum(maximum, tl.max(score, 1))
            weight = tl.exp(score - new_maximum[:, None])
            fade = tl.exp(maximum - new_maximum)
            total = total * fade + tl.sum(weight, 1)
            value = tl.load(v_cache + base + column[:, None] * 128 + dim[None, :], mask=mask,
                            other=0.)
            values = values * fade[:, None] + tl.dot(weight.to(tl.bfloat16), value)
            maximum = new_maximum
        tl.store(partial + (out + group[:, None]) * 128 + dim[None, :], values)
        tl.store(state + (out + group) * 2, maximum)
        tl.store(state + (out + group) * 2 + 1, total)
    else:
        tl.store(state + (out + group) * 2, tl.full([16], -1e30, tl.float32))
        tl.store(state + (out + group) * 2 + 1, tl.zeros([16], tl.float32))


@triton.jit
def _decode_combine(partial, state, position, out, H: tl.constexpr, KH: tl.constexpr,
                    G: tl.constexpr, SPLITS: tl.constexpr, SPLIT: tl.constexpr):
    """Joins the splits of one head. Programs: (sequences, heads)."""
    sequence = tl.program_id(0)
    head = tl.program_id(1)
    dim = tl.arange(0, 128)
    length = tl.load(position + sequence) + 1
    maximum = tl.full([1], -1e30, tl.float32)
    total = tl.zeros([1], tl.float32)
    values = tl.zeros([128], tl.float32)
    for split in range(0, tl.cdiv(length, SPLIT)):
        at = ((sequence * KH + head // G) * SPLITS + split) * 16 + head % G
        split_maximum = tl.load(state + at * 2)
        split_total = tl.load(state + at * 2 + 1)
        new_maximum = tl.maximum(maximum, split_maximum)
        fade = tl.exp(maximum - new_maximum)
        weight = tl.exp(split_maximum - new_maximum)
        values = values * fade + tl.load(partial + at * 128 + dim) * weight
        total = total * fade + split_total * weight
        maximum = new_maximum
    tl.store(out + (sequence * H + head) * 128 + dim, (values / total).to(tl.bfloat16))


def rmsnorm_residual(x, residual, weight, out):
    rows, width = x.shape
    _rmsnorm_residual[(rows,)](x, residual, weight, out, width, triton.next_power_of_2(width),
                               num_warps=8)


def silu_mul(gate_up, out):
    rows, ffn = out.shape
    _silu_mul[(rows, triton.cdiv(ffn, 1024))](gate_up, out, ffn, 1024, num_warps=4)


def rope_kv_write(qkv, q, k_cache, v_cache, position, slot):
    tokens, heads, _ = q.shape
    _, kv_heads, room, _ = k_cache.shape
    _rope_kv_write[(tokens, heads + 2 * kv_heads)](qkv, q, k_cache, v_cache, position, slot, heads,
                                                   kv_heads, room, num_warps=1)


def decode_scratch_floats(sequences, kv_heads, room_tokens):
    """Floats that attention_decode() needs of `partial` and of `state`."""
    splits = max(1, room_tokens // SPLIT_TOKENS)
    rows = sequences * kv_heads * splits * GROUP_MAX
    return rows * 128, rows * 2


def attention_decode(q, k_cache, v_cache, position, slot, partial, state, out, sequences):
    """The first `sequences` rows of q, one new token each, into the same rows of out."""
    heads = q.shape[1]
    _, kv_heads, room, _ = k_cache.shape
    group, splits, split = heads // kv_heads, max(1, room // SPLIT_TOKENS), min(SPLIT_TOKENS, room)
    _decode_split[(sequences, kv_heads, splits)](
        q, k_cache, v_cache, position, slot, partial, state, heads, kv_heads, room, group, splits,
        split, BLOCK_TOKENS, num_warps=4)
    _decode_combine[(sequences, heads)](partial, state, position, out, heads, kv_heads, group,
                                        splits, split, num_warps=4)
