"""Shapes of the models that the kit measures with, and how tensor parallelism cuts them.

Source: the config.json that each model was published with.
"""

from dataclasses import dataclass

HEAD_DIM = 128      # of all of them
ROOM_TOKENS = 2560  # of KV that the serving engine keeps for each sequence


@dataclass(frozen=True)
class Model:
    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    vocabulary: int


MODELS = {
    "8b": Model(32, 4096, 14336, 32, 8, 128256),   # Llama-3.1-8B
    "32b": Model(64, 5120, 25600, 64, 8, 151936),  # Qwen3-32B
    "70b": Model(80, 8192, 28672, 64, 8, 128256),  # Llama-3.1-70B
}


@dataclass(frozen=True)
class Shard:
    """What one GPU of a tensor-parallel group holds; KV heads replicate where it exceeds them."""
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    vocabulary: int

    @property
    def qkv(self):
        return (self.heads + 2 * self.kv_heads) * HEAD_DIM

    def gemms(self):
        """(columns, depth) of the projections: QKV, output, gate and up, down, LM head."""
        return [(self.qkv, self.hidden), (self.hidden, self.heads * HEAD_DIM),
                (2 * self.ffn, self.hidden), (self.hidden, self.ffn),
                (self.vocabulary, self.hidden)]


def shard(model, tensor_parallel):
    return Shard(model.hidden, model.ffn // tensor_parallel, model.heads // tensor_parallel,
                 max(1, model.kv_heads // tensor_parallel), model.vocabulary // tensor_parallel)
