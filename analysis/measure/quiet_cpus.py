#!/usr/bin/env python3
"""Which CPUs can processes run on without slowing each other?

Hyperthreads of one core, which a virtual machine cannot tell from cores, take 1.4 to 1.7 times as
long where both compute. Beside each CPU in turn a Python loop runs on those chosen already; the CPU
joins them where none of these loops is slower than alone. Prints the chosen, for `serve.py --cpus`,
and how fast the slowest of them is beside the others.
"""

import argparse
import multiprocessing
import os
import time

LOOP_S = 0.06
SLOWER = 0.93  # of its speed alone, below which a loop counts as slowed


def spin(cpu, begun_s, speeds, place):
    os.sched_setaffinity(0, {cpu})
    while time.monotonic() < begun_s:
        pass
    loops, end_s = 0, begun_s + LOOP_S
    while time.monotonic() < end_s:
        loops += 1
    speeds[place] = loops


def speeds_of(cpus):
    """Loops of each CPU in LOOP_S, all at the same time."""
    speeds = multiprocessing.Array("d", len(cpus), lock=False)
    begun_s = time.monotonic() + 0.01 + 0.004 * len(cpus)
    processes = [multiprocessing.Process(target=spin, args=(cpu, begun_s, speeds, place))
                 for place, cpu in enumerate(cpus)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return list(speeds)


def alone(cpu, tries=2):
    return max(speeds_of([cpu])[0] for _ in range(tries))


def slowest(cpus, speed_alone):
    """The share of its speed alone that the slowest keeps."""
    return min(speed / speed_alone[cpu] for cpu, speed in zip(cpus, speeds_of(cpus)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="how many CPUs")
    options = parser.parse_args()
    everywhere = sorted(os.sched_getaffinity(0))
    stride = max(1, len(everywhere) // options.count)
    candidates = [cpu for first in range(stride) for cpu in everywhere[first::stride]]
    speed_alone, chosen = {}, []
    for cpu in candidates:
        if len(chosen) == options.count:
            break
        speed_alone[cpu] = alone(cpu)
        if not chosen or slowest([*chosen, cpu], speed_alone) >= SLOWER:
            chosen.append(cpu)
    if len(chosen) < options.count:
        parser.exit(1, f"quiet_cpus.py: only {len(chosen)} CPUs do not slow each other\n")
    print(*chosen)
    print(f"the slowest keeps {slowest(chosen, speed_alone):.2f} of its speed")


if __name__ == "__main__":
    main()
