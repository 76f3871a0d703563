#!/usr/bin/python3
"""Does the link model reproduce measured all-reduces, with one set of numbers a fabric?

usage: links.py TANDEM

Holds `tandem collective` with the shipped cluster files against every measured all-reduce of 1 KiB
to 1 GiB: those of configs/gpus, and nccl-tests' on H200 (aiconfigurator, NVIDIA, Apache-2.0), in the
folder that TANDEM_PUBLIC_OPS names or ../shared/public/ops beside the project. Prints the errors.
Exit codes: 0 the median error of every source and number of ranks is within the bar, 1 one is not.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis/measure"))
import fit_links  # noqa: E402

OPS = Path(os.environ.get("TANDEM_PUBLIC_OPS", ROOT.parent / "shared/public/ops"))
BAR = 0.15

# Cluster file, folder under configs/gpus, way of its measurements, ranks that they must have.
SHIPPED = [
    ("hgx-a100", "a100-80g-sxm", "p2p", [2, 4, 8]),
    ("hgx-h100", "h100-sxm", "p2p", [2, 4, 8]),
    ("hgx-h200", "h200-sxm", "p2p", [2, 4]),
    ("pcie-h200", "h200-sxm", "host", [2, 4]),
    ("hgx-b200", "b200-sxm", "p2p", [2, 4, 8]),
]


def sources():
    """Cluster, name, measured all-reduces, ranks that must be among them."""
    for cluster, gpu, way, ranks in SHIPPED:
        table = ROOT / "configs/gpus" / gpu / "collectives.csv"
        yield cluster, f"{gpu} {way}", fit_links.read_measured(way, table, None), ranks
    public = fit_links.read_measured("h200_sxm", None, OPS)
    if public is None:
        print(f"skipped: {OPS / 'h200_sxm/nccl.csv.gz'} is not there")
    else:
        yield "hgx-h200", "h200_sxm nccl-tests", public, [2, 4, 8]


def main():
    failures = []
    for cluster, name, measured, ranks in sources():
        simulated_s = fit_links.simulate(sys.argv[1], cluster, measured)
        medians = fit_links.describe(name, measured, simulated_s)
        missing = sorted(set(ranks) - set(medians.index))
        failures += [f"{name}: nothing measured on {missing} GPUs"] if missing else []
        failures += [f"{name}: {median:.1%} on {count} GPUs, beyond {BAR:.0%}"
                     for count, median in medians.items() if median > BAR]
    print("\n".join(failures))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
