"""The layers of one pipeline stage on one GPU of its tensor-parallel group, with random weights.

Rows of a step: decodes first, one token each, then prefill chunks. Hidden states between stages are
a pair, (output of the last layer, residual), each (tokens, hidden) in bf16.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

import triton_kernels as tk
from models import HEAD_DIM, shard


def _bf16(*shape):
    return torch.empty(*shape, dtype=torch.bfloat16, device="cuda")


def _weight(*shape):
    return _bf16(*shape).normal_(0, 0.02)


class Layer:
    """One decoder layer's weights and KV cache."""

    def __init__(self, part, slots, room_tokens):
        self.qkv = _weight(part.qkv, part.hidden)
        self.output = _weight(part.hidden, part.heads * HEAD_DIM)
        self.gate_up = _weight(2 * part.ffn, part.hidden)
        self.down = _weight(part.hidden, part.ffn)
        self.attention_norm, self.ffn_norm = _weight(part.hidden), _weight(part.hidden)
        self.k_cache, self.v_cache = (
            torch.zeros(slots, part.kv_heads, room_tokens, HEAD_DIM, dtype=torch.bfloat16,
                        device="cuda") for _ in range(2))


class Stage:
    def __init__(self, model, tensor_parallel, layers, is_first, is_last, slots, decodes_max,
                 room_tokens, group):
        """`slots` of `room_tokens` each; `group`: the tensor-parallel ranks, for collectives."""
        self.part = shard(model, tensor_parallel)
        self.tensor_parallel, self.group = tensor_parallel, group
        self.is_first, self.is_last = is_first, is_last
        self.embedding = _weight(model.vocabulary, model.hidden) if is_first else None
        self.layers = [Layer(self.part, slots, room_tokens) for _ in range(layers)]
        self.final_norm = _weight(model.hidden)
        self.head = _weight(self.part.vocabulary, model.hidden) if is_last else None
        self.partial, self.softmax_state = (
            torch.empty(floats, dtype=torch.float32, device="cuda")
            for floats in tk.decode_scratch_floats(decodes_max, self.part.kv_heads, room_tokens))

    def forward(self, ids, hidden, position, slot, last_rows, chunks, decodes):
        """
        The pair for the next stage; of the last stage (a token for each of `last_rows`, None).
        `chunks`: (slot, start, tokens, first row). `ids` on the first stage, else `hidden`.
        """
        if self.is_first:
            x = F.embedding(ids, self.embedding)
            residual = torch.zeros_like(x)
        else:
            x, residual = hidden
        for layer in self.layers:
            x = self._attend(layer, x, residual, position, slot, chunks, decodes)
            x = self._feed_forward(layer, x, residual)
        if not self.is_last:
            return x, residual
        return self._sample(self._norm(x, residual, self.final_norm)[last_rows]), None

    def _norm(self, x, residual, weight):
        out = torch.empty_like(x)
        tk.rmsnorm_residual(x, residual, weight, out)
        return out

    def _all_reduce(self, x):
        if self.tensor_parallel > 1:
            dist.all_reduce(x, group=self.group)
        return x

    def _attend(self, layer, x, residual, position, slot, chunks, decodes):
        qkv = self._norm(x, residual, layer.attention_norm) @ layer.qkv.t()
        q = _bf16(x.shape[0], self.part.heads, HEAD_DIM)
        tk.rope_kv_write(qkv, q, layer.k_cache, layer.v_cache, position, slot)
        out = torch.empty_like(q)
        if decodes:
            tk.attention_decode(q, layer.k_cache, layer.v_cache, position, slot, self.partial,
                                self.softmax_state, out, decodes)
        for in_slot, start, tokens, row in chunks:
            end = start + tokens
            k = layer.k_cache[in_slot:in_slot + 1, :, :end]
            v = layer.v_cache[in_slot:in_slot + 1, :, :end]
            mask = {"attn_mask": causal_lower_right(tokens, end)} if start else {"is_causal": True}
            attended = F.scaled_dot_product_attention(
                q[row:row + tokens].transpose(0, 1).unsqueeze(0), k, v, enable_gqa=True, **mask)
            out[row:row + tokens] = attended[0].transpose(0, 1)
        return self._all_reduce(out.view(x.shape[0], -1) @ layer.output.t())

    def _feed_forward(self, layer, x, residual):
        gate_up = self._norm(x, residual, layer.ffn_norm) @ layer.gate_up.t()
        activated = _bf16(x.shape[0], self.part.ffn)
        tk.silu_mul(gate_up, activated)
        return self._all_reduce(activated @ layer.down.t())

    def _sample(self, x):
        """The likeliest token of each row; over shards of the vocabulary, the shard that has it."""
        best, index = (x @ self.head.t()).float().max(-1)
        if self.tensor_parallel == 1:
            return index
        mine = torch.stack([best, index.float()], -1).contiguous()
        every = torch.empty(self.tensor_parallel * mine.shape[0], 2, device="cuda")
        dist.all_gather_into_tensor(every, mine, group=self.group)
        return every.view(self.tensor_parallel, -1, 2)[..., 0].argmax(0)
