#!/usr/bin/python3
"""Fits a fabric's start-ups, hop latency and bandwidth to measured all-reduces.

usage: fit_links.py [--own H200_CSV] [--nccl FOLDER] [--program TANDEM]

Prints, for each fabric, the four numbers that the files under configs/clusters have and the
errors that they leave; with --program, the errors of the simulator with its own cluster files.

    --own      collectives.csv of this folder's kit: op,ranks,bytes,p2p,graph,time_us
    --nccl     a folder SYSTEM/nccl.csv.gz for each system: op,dtype,gpus,elements,bytes,time_us,
               nccl-tests' times as aiconfigurator (NVIDIA, Apache-2.0) has them

The model is the simulator's: a ring over links of one latency and bandwidth, by the faster of two
of NCCL's protocols. LL sends a flag with every four bytes, so it moves twice as many; Simple has a
start of its own. (Left free, LL's share of the bandwidth comes out between 0.47 and 0.52. Inside a
node NCCL's tree is a chain, as long as the ring.) One set of numbers a fabric serves all sources,
ranks and sizes from 1 KiB to 1 GiB; what is minimised is the mean of |log(model / measured)|, as
far as the median of no source and number of ranks exceeds an eighth.
"""
import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

BYTES_MIN, BYTES_MAX = 2**10, 2**30
LL_BYTES_PER_BYTE = 2
MEDIAN_MAX, PENALTY = 0.125, 10  # of the logarithm: within 13.3%

# name: (systems and ways of --own, cluster file, a GPU's link in GB/s from its datasheet)
FABRICS = {
    "A100 NVLink": (["a100_sxm"], "hgx-a100", 300),
    "H100 NVLink": (["h100_sxm"], "hgx-h100", 450),
    "H200 NVLink": (["h200_sxm", "p2p"], "hgx-h200", 450),
    "H200 through the host": (["host"], "pcie-h200", 64),
    "B200 NVLink": (["b200_sxm"], "hgx-b200", 900),
}
LINKS_PER_HOP = 2  # GPU to switch, switch to GPU


def read_measured(source, own, nccl):
    """All-reduces of one fabric as columns ranks, bytes, s; None where there is no such file."""
    if source in ("p2p", "host"):
        if own is None:
            return None
        table = pd.read_csv(own, comment="#")
        chosen = (table.op == "all_reduce") & (table.graph == 1) & (table.p2p == (source == "p2p"))
        table = table[chosen]
    else:
        path = nccl and nccl / source / "nccl.csv.gz"
        if not path or not path.exists():
            return None
        table = pd.read_csv(path).rename(columns={"gpus": "ranks"})
        table = table[(table.op == "all_reduce") & (table.dtype == "fp16")]
    table = table[(table.bytes >= BYTES_MIN) & (table.bytes <= BYTES_MAX)]
    return table.assign(s=table.time_us * 1e-6)[["ranks", "bytes", "s"]]


def ring_s(ranks, size, alpha_s, bytes_per_s):
    return 2 * (ranks - 1) * (alpha_s + size / ranks / bytes_per_s)


def model_s(parameters, ranks, size):
    start_s, alpha_s, bytes_per_s, simple_start_s = np.exp(parameters)
    low_latency_s = ring_s(ranks, LL_BYTES_PER_BYTE * size, alpha_s, bytes_per_s)
    simple_s = simple_start_s + ring_s(ranks, size, alpha_s, bytes_per_s)
    return start_s + np.minimum(low_latency_s, simple_s)


def search(loss, at, step):
    """The best point near `at` by a pattern search."""
    ways = [np.array(way) - 1 for way in np.ndindex(3, 3, 3, 3)]
    while step > 1e-3:
        best = min((at + step * way for way in ways), key=loss)
        if loss(best) < loss(at):
            at = best
        else:
            step /= 2
    return at


def fit(sets):
    """Start, hop latency, bandwidth and Simple's start, as logarithms."""
    columns = [tuple(group[name].to_numpy(float) for name in ("ranks", "bytes", "s"))
               for measured in sets for _, group in measured.groupby("ranks")]

    def errors(parameters):
        return [np.abs(np.log(model_s(parameters, ranks, size) / s)) for ranks, size, s in columns]

    def mean(parameters):
        return np.mean([each.mean() for each in errors(parameters)])

    def penalised_mean(parameters):
        worst_median = max(np.median(each) for each in errors(parameters))
        return mean(parameters) + PENALTY * max(0, worst_median - MEDIAN_MAX)

    ranks, size, s = columns[0]
    bus_bytes_per_s = (2 * (ranks - 1) / ranks * size / s).max()
    rough = search(mean, np.log([s.min() / 2, s.min() / 10, bus_bytes_per_s, s.min()]), 0.5)
    return search(penalised_mean, rough, 0.1)


def simulated_s(program, cluster, ranks, sizes):
    """What the simulator says of a ring; known at powers of two, interpolated between."""
    command = [program, "collective", "all_reduce", "--cluster", f"clusters/{cluster}", "--gpus",
               f"0-{ranks - 1}", "--bytes", f"{BYTES_MIN}B:{BYTES_MAX}B", "--json"]
    output = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    times = {row["bytes"]: next(entry["time_s"] for entry in row["algorithms"]
                                if entry["algorithm"] == "ring")
             for row in output["sizes"]}
    known = np.array(sorted(times))
    return np.exp(np.interp(np.log(sizes), np.log(known), np.log([times[b] for b in known])))


def simulate(program, cluster, measured):
    """The simulator's times of all that was measured."""
    predicted = pd.Series(0.0, index=measured.index)
    for ranks, group in measured.groupby("ranks"):
        predicted[group.index] = simulated_s(program, cluster, ranks, group.bytes.to_numpy(float))
    return predicted


def describe(title, measured, predicted_s):
    """Prints the errors; the medians by ranks."""
    errors = np.abs(predicted_s / measured.s - 1)
    medians = errors.groupby(measured.ranks).median()
    by_ranks = "  ".join(f"{ranks}: {median:6.1%}" for ranks, median in medians.items())
    print(f"  {title:<19} median error {errors.median():6.1%}, nine in ten within "
          f"{errors.quantile(0.9):6.1%}; by ranks  {by_ranks}")
    return medians


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--own", type=Path)
    parser.add_argument("--nccl", type=Path)
    parser.add_argument("--program")
    options = parser.parse_args()
    for name, (sources, cluster, link_gb_per_s) in FABRICS.items():
        sets = {source: read_measured(source, options.own, options.nccl) for source in sources}
        sets = {source: measured for source, measured in sets.items() if measured is not None}
        if not sets:
            continue
        parameters = fit(list(sets.values()))
        start_s, alpha_s, bytes_per_s, simple_start_s = np.exp(parameters)
        print(f"{name}: collective_start {start_s * 1e6:.2f} us, collective_simple_start "
              f"{simple_start_s * 1e6:.1f} us, link latency {alpha_s / LINKS_PER_HOP * 1e6:.3f} us, "
              f"{bytes_per_s / 1e9:.1f} GB/s = {bytes_per_s / 1e9 / link_gb_per_s:.3f} of "
              f"{link_gb_per_s} GB/s")
        for source, measured in sets.items():
            ranks, size = measured.ranks.to_numpy(float), measured.bytes.to_numpy(float)
            describe(f"{source} fitted", measured, model_s(parameters, ranks, size))
            if options.program:
                simulated = simulate(options.program, cluster, measured)
                describe(f"{source} simulated", measured, simulated)


if __name__ == "__main__":
    main()
