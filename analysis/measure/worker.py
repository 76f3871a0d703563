"""One GPU of the serving engine: captures graphs, then computes its stage of every plan.

Steps of decodes only replay a CUDA graph, padded to the next captured size (the padding computes,
on a slot of its own); all others are launched kernel by kernel.
"""

import json
import os
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist

from channel import Channel
from models import MODELS
from stage import Stage

GRAPH_SIZES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128]
SENDS_KEPT = 8  # buffers of sends that may still be on their way


@dataclass
class Layout:
    """What every worker is told."""
    model: str
    tensor_parallel: int
    stage_layers: list
    max_sequences: int
    room_tokens: int  # of one sequence's KV
    port: int
    folder: str       # where each worker leaves its log
    cpus: list        # each worker's CPU, then the scheduler's; none: the system's choice

    @property
    def stages(self):
        return len(self.stage_layers)

    @property
    def ranks(self):
        return self.tensor_parallel * self.stages

    @property
    def graph_sizes(self):
        """Up to the first that holds every sequence."""
        enough = next(size for size in GRAPH_SIZES if size >= self.max_sequences)
        return [size for size in GRAPH_SIZES if size <= enough]


class Worker:
    def __init__(self, rank, layout):
        self.rank, self.layout = rank, layout
        self.stage_index, self.place = divmod(rank, layout.tensor_parallel)
        self.model = MODELS[layout.model]
        self._join()
        self.stage = Stage(self.model, layout.tensor_parallel,
                           layout.stage_layers[self.stage_index], self.stage_index == 0,
                           self.stage_index == layout.stages - 1, layout.max_sequences + 1,
                           layout.graph_sizes[-1], layout.room_tokens, self.group)
        self.graphs, self.graph_outputs = {}, {}
        self.intervals, self.sends = [], []

    def _join(self):
        """Process groups: one of each stage's ranks, and one of each pair that hands over."""
        layout, width = self.layout, self.layout.tensor_parallel
        # Each pair has a group of its own, so sends of several pairs do not wait for each other.
        os.environ["TORCH_NCCL_SHOW_EAGER_INIT_P2P_SERIALIZATION_WARNING"] = "false"
        torch.cuda.set_device(self.rank)
        dist.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{layout.port}",
                                rank=self.rank, world_size=layout.ranks,
                                device_id=torch.device("cuda", self.rank))
        groups = [dist.new_group(list(range(stage * width, (stage + 1) * width)))
                  for stage in range(layout.stages)]
        pairs = {(stage, place): dist.new_group([stage * width + place,
                                                 (stage + 1) * width + place])
                 for stage in range(layout.stages - 1) for place in range(width)}
        self.group = groups[self.stage_index]
        self.from_previous = pairs.get((self.stage_index - 1, self.place))
        self.to_next = pairs.get((self.stage_index, self.place))

    def prepare(self):
        """Captures the graphs and runs all that would cost more the first time."""
        # One attention kernel for all shapes: cuDNN builds a plan, tens of ms, for each new length.
        torch.backends.cuda.enable_cudnn_sdp(False)
        torch.backends.cuda.enable_math_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        self._capture()
        self._warm()
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        self.begun = torch.cuda.Event(enable_timing=True)
        self.begun.record()
        self.begun.synchronize()
        self.begun_s = time.time()

    def _capture(self):
        sizes, hidden = self.layout.graph_sizes, self.model.hidden
        rows = sizes[-1]
        self.graph_ids = torch.zeros(rows, dtype=torch.long, device="cuda")
        self.graph_position, self.graph_slot = (
            torch.zeros(rows, dtype=torch.int32, device="cuda") for _ in range(2))
        self.graph_hidden = torch.zeros(2, rows, hidden, dtype=torch.bfloat16, device="cuda")

        def run(size):
            return self.stage.forward(
                self.graph_ids[:size], (self.graph_hidden[0, :size], self.graph_hidden[1, :size]),
                self.graph_position[:size], self.graph_slot[:size], slice(0, size), [], size)

        for size in reversed(sizes):
            run(size)
            run(size)
        torch.cuda.synchronize()
        pool = None
        for size in reversed(sizes):
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                self.graph_outputs[size] = run(size)
            pool = pool or graph.pool()
            self.graphs[size] = graph

    def _warm(self):
        for tokens in (64, 2048):
            position = torch.arange(tokens, dtype=torch.int32, device="cuda")
            slot = torch.zeros(tokens, dtype=torch.int32, device="cuda")
            hidden = tuple(torch.zeros(tokens, self.model.hidden, dtype=torch.bfloat16,
                                       device="cuda") for _ in range(2))
            for _ in range(2):
                self.stage.forward(torch.zeros(tokens, dtype=torch.long, device="cuda"), hidden,
                                   position, slot, torch.tensor([tokens - 1], device="cuda"),
                                   [(0, 0, tokens, 0)], 0)
        greeting = torch.zeros(2, 8, self.model.hidden, dtype=torch.bfloat16, device="cuda")
        if self.from_previous:
            dist.recv(greeting, self.rank - self.layout.tensor_parallel, group=self.from_previous)
        if self.to_next:
            dist.send(greeting, self.rank + self.layout.tensor_parallel, group=self.to_next)

    def step(self, number, rows, decodes):
        """Computes one plan; whether this worker is the one to report it done."""
        tokens = sum(length for _, _, length in rows)
        in_graph = decodes == len(rows)
        padded = next(s for s in self.layout.graph_sizes if s >= tokens) if in_graph else tokens
        places, chunks, last_rows = self._lay_out(rows, decodes, padded)
        # From pageable memory: the copy waits until the stage has computed all before it.
        inputs = torch.from_numpy(places).cuda(non_blocking=True)
        hidden = self._receive(padded)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        if in_graph:
            output = self._replay(padded, inputs, hidden)
        else:
            # Copies: rows that are not aligned to 16 bytes would have Triton compile anew.
            output = self.stage.forward(inputs[0].long(), hidden, inputs[0].clone(),
                                        inputs[1].clone(), torch.tensor(last_rows, device="cuda"),
                                        chunks, decodes)
        end.record()
        self.intervals.append((number, start, end))
        if self.to_next:
            self._send(output, padded)
        if self.stage.is_last:
            output[0].to("cpu")  # the sampled tokens come back, as an engine's would
        return self.stage.is_last and self.place == 0

    def _lay_out(self, rows, decodes, padded):
        """(position, slot) of each token; of each chunk where it lies; each sequence's last row."""
        places = np.zeros((2, padded), np.int32)
        chunks, last_rows, row = [], [], 0
        for index, (slot, position, length) in enumerate(rows):
            places[0, row:row + length] = np.arange(position, position + length)
            places[1, row:row + length] = slot
            if index >= decodes:
                chunks.append((slot, position, length, row))
            row += length
            last_rows.append(row - 1)
        places[1, row:] = self.layout.max_sequences  # padding writes to a slot of its own
        return places, chunks, last_rows

    def _receive(self, tokens):
        if not self.from_previous:
            return None
        hidden = torch.empty(2, tokens, self.model.hidden, dtype=torch.bfloat16, device="cuda")
        dist.irecv(hidden, self.rank - self.layout.tensor_parallel,
                   group=self.from_previous).wait()
        return hidden

    def _replay(self, size, inputs, hidden):
        self.graph_position[:size].copy_(inputs[0])
        self.graph_slot[:size].copy_(inputs[1])
        if hidden is not None:
            self.graph_hidden[:, :size].copy_(hidden)
        self.graphs[size].replay()
        return self.graph_outputs[size]

    def _send(self, output, tokens):
        buffer = torch.stack([output[0][:tokens], output[1][:tokens]])
        self.sends.append((dist.isend(buffer, self.rank + self.layout.tensor_parallel,
                                      group=self.to_next), buffer))
        if len(self.sends) > SENDS_KEPT:
            self.sends.pop(0)

    def write_log(self):
        """When each step was computed here, ms from `begun_s`."""
        torch.cuda.synchronize()
        log = {"gpu": self.rank, "stage": self.stage_index, "begun_s": self.begun_s,
               "peak_bytes": torch.cuda.max_memory_allocated(),
               "intervals_ms": [(number, self.begun.elapsed_time(start),
                                 self.begun.elapsed_time(end))
                                for number, start, end in self.intervals]}
        with open(f"{self.layout.folder}/worker-{self.rank}.json", "w", encoding="utf-8") as file:
            json.dump(log, file)


def main(rank, layout, channel_names):
    """A worker process, from its start to its end."""
    channel = Channel(channel_names)
    with torch.no_grad():
        worker = Worker(rank, layout)
        worker.prepare()
        if layout.cpus:
            os.sched_setaffinity(0, {layout.cpus[rank]})  # of this thread; CUDA's are begun
        channel.set_ready(rank)
        number = 0
        while (plan := channel.take(number)) is not None:
            if worker.step(number, *plan):
                channel.finish(number)
            number += 1
        worker.write_log()
    sys.stdout.flush()
    os._exit(0)  # graphs that hold NCCL calls make an orderly end hang
