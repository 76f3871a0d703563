#!/usr/bin/env python3
"""Times transfers that meet on GPUs' links: sharing.csv, on four GPUs of one machine.

Two kinds of traffic, NCCL sends and all-reduces, run alone and then side by side, each in replayed
CUDA graphs on a stream of its own with a communicator of its own. `alone_us` is what one takes
alone, `beside_us` while the other traffic `other` runs, too: medians over replays. NCCL goes over
peer memory or, with NCCL_P2P_DISABLE=1, through the host's.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import table
from comm import free_port
from lazily import lazily

torch = lazily("torch")
dist = lazily("torch.distributed")
mp = lazily("torch.multiprocessing")

RANKS = 4
MIB = 1 << 20
SPAN_MS = 60  # that each kind of traffic is kept up for
REPLAYS = (8, 400)
COLUMNS = ["traffic", "bytes", "other", "other_bytes", "alone_us", "beside_us"]


@dataclass(frozen=True)
class Traffic:
    """`send`: from ranks[0] to ranks[1]; `all_reduce`: over the ranks."""
    op: str
    ranks: tuple
    size: int

    @property
    def name(self):
        return self.op + " " + (">" if self.op == "send" else "+").join(map(str, self.ranks))


def send(start, end, size=64 * MIB):
    return Traffic("send", (start, end), size)


def all_reduce(*ranks, size=64 * MIB):
    return Traffic("all_reduce", ranks, size)


def calls_in_graph(one):
    """So that a graph takes some hundred microseconds or more."""
    return 20 if one.size <= 2 * MIB else 3


def pairs():
    """What is run side by side."""
    yield send(0, 1), send(2, 3)
    yield send(0, 1), send(1, 0)
    yield send(0, 2), send(1, 2)
    yield send(0, 1), send(0, 2)
    for size in (64 * MIB, 32 * MIB, 8 * MIB, 2 * MIB, MIB // 8):
        yield all_reduce(0, 1, size=size), all_reduce(2, 3, size=size)
    for size in (64 * MIB, 8 * MIB, MIB, MIB // 8):
        yield all_reduce(0, 1, size=size), send(0, 2)
        yield all_reduce(0, 1, size=size), send(2, 0)
        yield all_reduce(0, 1, size=size), send(0, 1)
        yield all_reduce(0, 1, 2, 3, size=size), send(0, 1)


class Worker:
    def __init__(self, rank):
        self.rank = rank
        self.buffer = torch.zeros(128 * MIB, dtype=torch.bfloat16, device="cuda")
        self.groups = {}  # (place among the two, ranks): a communicator
        self.graphs = {}  # (place, traffic): a graph of some calls
        self.streams = [torch.cuda.Stream() for _ in range(2)]

    def join(self, traffics):
        """Communicators of every place; all ranks make them in the same order."""
        for place, one in traffics:
            key = place, tuple(sorted(one.ranks))
            if key not in self.groups:
                self.groups[key] = dist.new_group(list(key[1]))

    def call(self, place, one):
        half = self.buffer[place * 64 * MIB:][:one.size // 2]
        group = self.groups[place, tuple(sorted(one.ranks))]
        if one.op == "all_reduce":
            dist.all_reduce(half, group=group)
        elif self.rank == one.ranks[0]:
            dist.send(half, one.ranks[1], group=group)
        else:
            dist.recv(half, one.ranks[0], group=group)

    def capture(self, place, one):
        """Its graph; all of its ranks capture it at once."""
        calls = calls_in_graph(one)
        with torch.cuda.stream(self.streams[place]):
            for _ in range(3):
                self.call(place, one)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.streams[place],
                                  capture_error_mode="thread_local"):
                for _ in range(calls):
                    self.call(place, one)
        torch.cuda.synchronize()
        self.graphs[place, one] = graph

    def run(self, jobs):
        """
        All of `jobs`, (place, traffic, replays), at once: {place: [(start, end), ms since the
        barrier, of each replay]} of this rank's.
        """
        mine = [(place, one, replays) for place, one, replays in jobs if self.rank in one.ranks]
        for place, one, _ in mine:
            if (place, one) not in self.graphs:
                self.capture(place, one)
        marks = {place: [torch.cuda.Event(enable_timing=True) for _ in range(replays + 1)]
                 for place, _, replays in mine}
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        begun = torch.cuda.Event(enable_timing=True)
        begun.record()
        for place in marks:
            self.streams[place].wait_event(begun)
            marks[place][0].record(self.streams[place])
        for replay in range(max((replays for _, _, replays in mine), default=0)):
            for place, one, replays in mine:
                if replay < replays:
                    with torch.cuda.stream(self.streams[place]):
                        self.graphs[place, one].replay()
                        marks[place][replay + 1].record()
        torch.cuda.synchronize()
        times = {place: [begun.elapsed_time(mark) for mark in marks[place]] for place in marks}
        return {place: list(zip(at, at[1:])) for place, at in times.items()}


def gathered(found):
    """What each rank found, everywhere."""
    everyone = [None] * RANKS
    dist.all_gather_object(everyone, found)
    return everyone


def spans_of(everyone, place, one):
    """As its first rank saw them."""
    return everyone[one.ranks[0]][place]


def call_us(spans, calls):
    return 1e3 * statistics.median(end - start for start, end in spans) / calls


def alone(worker, place, one):
    """(us of a call, how many replays keep it up for SPAN_MS)."""
    for _ in range(2):
        spans = spans_of(gathered(worker.run([(place, one, 12)])), place, one)
    time_us = call_us(spans[2:], calls_in_graph(one))
    replays = 1e3 * SPAN_MS / (time_us * calls_in_graph(one))
    return time_us, int(max(REPLAYS[0], min(REPLAYS[1], replays)))


def beside(everyone, both):
    """us of a call of each of the two, where both ran."""
    spans = [spans_of(everyone, place, one) for place, one in enumerate(both)]
    start = max(one[1][0] for one in spans)
    end = min(one[-1][1] for one in spans)
    return [call_us([span for span in mine if span[0] >= start and span[1] <= end] or mine,
                    calls_in_graph(one)) for mine, one in zip(spans, both)]


def measure(rank):
    worker = Worker(rank)
    chosen = list(pairs())
    worker.join([(place, one) for both in chosen for place, one in enumerate(both)])
    rows = []
    for both in chosen:
        times = [alone(worker, place, one) for place, one in enumerate(both)]
        jobs = [(place, one, times[place][1]) for place, one in enumerate(both)]
        worker.run(jobs)
        met = beside(gathered(worker.run(jobs)), both)
        for place, one in enumerate(both):
            other = both[1 - place]
            rows.append({"traffic": one.name, "bytes": one.size, "other": other.name,
                         "other_bytes": other.size, "alone_us": f"{times[place][0]:.2f}",
                         "beside_us": f"{met[place]:.2f}"})
        if rank == 0:
            print(*rows[-2].values(), "|", *rows[-1].values(), flush=True)
    return rows


def work(rank, port, path):
    """One rank; rank 0 writes the rows to `path`."""
    os.environ["TORCH_NCCL_SHOW_EAGER_INIT_P2P_SERIALIZATION_WARNING"] = "false"
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{port}", rank=rank,
                            world_size=RANKS, device_id=torch.device("cuda", rank))
    rows = measure(rank)
    if rank == 0:
        Path(path).write_text(json.dumps(rows), encoding="utf-8")
    dist.barrier()
    torch.cuda.synchronize()
    sys.stdout.flush()
    os._exit(0)  # graphs that hold NCCL calls make an orderly end hang


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="sharing.csv", help="the CSV to write (%(default)s)")
    options = parser.parse_args()
    if torch.cuda.device_count() < RANKS:
        sys.exit(f"share.py: takes {RANKS} GPUs")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        mp.spawn(work, (free_port(), str(path)), nprocs=RANKS)
        rows = json.loads(path.read_text("utf-8"))
    table.write(options.out, "NCCL's traffic alone, and beside other traffic.",
                table.source("share.py"), COLUMNS, rows)


if __name__ == "__main__":
    main()
