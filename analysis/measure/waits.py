#!/usr/bin/env python3
"""How much longer does a worker take for what it does between two steps, the longer it waited?

While a process waits for its GPU its caches go to its neighbours, and what it does next is slow at
first: `cold_wait` and `cold_most` of an engine under configs/engines. What a worker does is
worker.py's: it lays a batch out, copies it to the GPU, records an event and replays a graph. Prints
the median in microseconds after each wait; several processes at a time show a busier machine.
"""

import argparse
import statistics
import time

from lazily import lazily

np = lazily("numpy")
torch = lazily("torch")

WAITS_MS = (0.5, 1, 2.5, 5, 10, 20, 40, 80)
ROWS = 8
KERNELS = 400   # of the graph
SPENT_MS = 3000  # on each wait, about
RUNS = (30, 300)
WARM_UP = 5     # runs that do not count


def cycles_a_ms():
    """Of the GPU's clock, which a kernel that sleeps counts."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    torch.cuda._sleep(100_000_000)
    end.record()
    torch.cuda.synchronize()
    return 100_000_000 / start.elapsed_time(end)


class Worker:
    def __init__(self):
        self.tokens = torch.zeros(ROWS, dtype=torch.long, device="cuda")
        self.inputs = torch.zeros(2, ROWS, dtype=torch.int32, device="cuda")
        state = torch.zeros(1 << 16, device="cuda")
        state.add_(1)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(KERNELS):
                state.add_(1)

    def wait(self, cycles):
        """For a step's tokens, as long as the GPU takes."""
        torch.cuda._sleep(cycles)
        self.tokens.to("cpu")

    def act(self):
        places = np.zeros((2, ROWS), np.int32)
        for row in range(ROWS):
            places[0, row:row + 1] = np.arange(100 + row, 101 + row)
            places[1, row:row + 1] = row
        inputs = torch.from_numpy(places).cuda(non_blocking=True)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        self.inputs.copy_(inputs)
        self.graph.replay()
        end.record()


def acting_us(worker, cycles, runs):
    times_us = []
    for _ in range(runs):
        worker.wait(cycles)
        begun_s = time.perf_counter()
        worker.act()
        times_us.append(1e6 * (time.perf_counter() - begun_s))
        torch.cuda.synchronize()
    return statistics.median(times_us[WARM_UP:])


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    worker, a_ms = Worker(), cycles_a_ms()
    print("waited_ms,acting_us")
    for wait_ms in WAITS_MS:
        runs = min(max(int(SPENT_MS / wait_ms), RUNS[0]), RUNS[1])
        print(f"{wait_ms:g},{acting_us(worker, int(wait_ms * a_ms), runs):.0f}", flush=True)


if __name__ == "__main__":
    main()
