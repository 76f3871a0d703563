#!/usr/bin/env python3
"""What does a GPU's power limit cost? `power_capping` of a GPU under configs/gpus.

GEMMs that are bound by compute draw more power than the limit allows. A rested GPU runs them at the
full clock all the same, for a while; then it is capped, and they take `slowdown` times as long.
`delay` is how much of them it does before that. Rest restores it, all in `recovery`, once a capped
GPU's clock has been down for another `release`; other kernels between the GEMMs restore it too, all
in `busy_recovery`. Prints what each shape shows and the medians as lines of gpu.yaml.
"""

import argparse
import statistics
import time

from lazily import lazily
from ops import elapsed_ms, randn, replayed

torch = lazily("torch")

ROWS = 2048
SHAPES = [(28672, 4096), (6144, 4096), (4096, 14336), (57344, 8192), (8192, 28672), (10240, 8192)]
LONG_REST_S = 1.0
LONG_WORK_MS = 800   # by when it is capped
WATCHED_MS = 150     # of work, in which it becomes so
RESTS_MS = [10, 15, 20, 25, 30, 35, 40]
RESTORED = 0.9       # shares of the delay beyond are all of it: its lengths vary
COPIES = [1, 2, 4]   # beside GEMMs of about 1 ms


def work(graph, ms):
    """Milliseconds of each replay, until they are `ms` in all."""
    times_ms, total_ms = [], 0
    while total_ms < ms:
        times_ms.append(elapsed_ms(graph.replay))
        total_ms += times_ms[-1]
    return times_ms


def delay_ms(times_ms, fast_ms, slow_ms):
    """Work at the full clock that would make up for all that was faster than a capped GPU's."""
    saved_ms = sum(slow_ms - one for one in times_ms)
    return max(0, saved_ms / (slow_ms / fast_ms - 1))


class Hot:
    """A graph of one GEMM, and what its replays take at the full clock and capped."""

    def __init__(self, n, k):
        copies = max(1, int(2.5e8 // (2 * n * k)) + 1)
        weights, rows = [randn(n, k) for _ in range(copies)], randn(ROWS, k)
        out = torch.empty(ROWS, n, dtype=torch.bfloat16, device="cuda")
        self.graph, _ = replayed([lambda w=w: torch.mm(rows, w.t(), out=out) for w in weights])
        time.sleep(LONG_REST_S)
        rested_ms = work(self.graph, WATCHED_MS)
        self.fast_ms = statistics.median(rested_ms[:max(1, len(rested_ms) // 10)])
        capped_ms = work(self.graph, LONG_WORK_MS)
        self.slow_ms = statistics.median(capped_ms[len(capped_ms) // 4:])
        self.delay_ms = delay_ms(rested_ms, self.fast_ms, self.slow_ms)

    def restored_by(self, rest_ms):
        """The share of the delay that a capped GPU has again after a rest."""
        work(self.graph, LONG_WORK_MS)
        time.sleep(1e-3 * rest_ms)
        again_ms = delay_ms(work(self.graph, WATCHED_MS), self.fast_ms, self.slow_ms)
        return again_ms / self.delay_ms

    def busy_recovery_ms(self, copies):
        """Of copies between the GEMMs: they restore what of the GEMMs is at the full clock."""
        source = torch.empty(1 << 27, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        other, _ = replayed([lambda: target.copy_(source)])
        gemms_ms, others_ms, total_ms = [], [], 0
        while total_ms < LONG_WORK_MS:
            gemms_ms.append(elapsed_ms(self.graph.replay))
            others_ms.append(sum(elapsed_ms(other.replay) for _ in range(copies)))
            total_ms += gemms_ms[-1] + others_ms[-1]
        late = len(gemms_ms) // 3
        capped = (statistics.mean(gemms_ms[late:]) - self.fast_ms) / (self.slow_ms - self.fast_ms)
        restored_ms = (1 - min(1, capped)) * self.fast_ms / statistics.mean(others_ms[late:])
        return self.delay_ms / restored_ms if restored_ms > 0 else float("inf")


def line(points):
    """(slope, where it is 0) of the line nearest to some (x, y)."""
    x_mean, y_mean = (statistics.mean(values) for values in zip(*points))
    slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / \
        sum((x - x_mean) ** 2 for x, _ in points)
    return slope, x_mean - y_mean / slope


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_grad_enabled(False)
    shares, found = {rest: [] for rest in RESTS_MS}, []
    for n, k in SHAPES:
        hot = Hot(n, k)
        for rest in RESTS_MS:
            shares[rest].append(hot.restored_by(rest))
        busy_ms = statistics.median(hot.busy_recovery_ms(copies) for copies in COPIES)
        found.append((hot.slow_ms / hot.fast_ms, hot.delay_ms, busy_ms))
        print(f"{n} x {k}: {1e3 * hot.fast_ms:.0f} us a replay, capped {found[-1][0]:.3f} times, "
              f"after {hot.delay_ms:.0f} ms; again after "
              + ", ".join(f"{rest} ms {shares[rest][-1]:.0%}" for rest in RESTS_MS)
              + f"; {busy_ms:.0f} ms of copies restore all", flush=True)
    slowdown, delay, busy = (statistics.median(values) for values in zip(*found))
    rising = [(rest, statistics.median(values)) for rest, values in shares.items()]
    slope, release = line([(rest, share) for rest, share in rising if 0 < share < RESTORED])
    print(f"power_capping:\n  slowdown: {slowdown:.3f}\n  delay: {delay:.0f} ms\n"
          f"  release: {max(0, release):.0f} ms\n  recovery: {1 / slope:.0f} ms\n"
          f"  busy_recovery: {busy:.0f} ms")


if __name__ == "__main__":
    main()
