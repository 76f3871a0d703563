#!/usr/bin/python3
"""How far does a published timing lie from what its neighbours say? No table can come nearer.

SOURCE_FOLDER is draw_tables.py's. It holds no measurement twice, but bf16 GEMMs that differ by one
row. At 9 to 15 rows they take the same tiles and so the same time: each is held against the mean of
the rows before and after. At pairs such as 2,304 and 2,305 rows the second may take one tile more:
steps are held against the pairs' median step, and what is left is an upper bound, for tiles differ
from shape to shape. Of experts, one token's take the same time whatever the load is called: its two
skewed loads are held against each other, each the mean of five draws. Prints, for each system, the mean error that one timing has by itself, which a
prediction without any error would show.
"""
import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd

from draw_tables import EXPERTS_OURS, SYSTEMS

FEW_ROWS = range(10, 15)
PAIRS = range(2304, 4352, 256)
SIZE_MIN = 512  # columns and depth: what models have


def errors_of_few_rows(times):
    """Mean error of one timing, from second differences of logarithms: 1.5 times its variance."""
    seconds = [times[m] - (times[m - 1] + times[m + 1]) / 2 for m in FEW_ROWS]
    return pd.concat(seconds).abs().mean() / math.sqrt(1.5)


def errors_of_pairs(times):
    """The same from first differences: twice its variance."""
    steps = [times[m + 1] - times[m] for m in PAIRS]
    return pd.concat([step - step.median() for step in steps]).abs().mean() / math.sqrt(2)


def error_of_experts(source):
    """The same of experts, from differences: twice its variance."""
    rows = pd.read_csv(source / "moe.csv.gz")
    rows = rows[(rows.num_tokens == 1) & (rows.moe_ep == 1) & (rows.distribution != "balanced") &
                rows.dtype.isin(EXPERTS_OURS)]
    shape = ["dtype", "hidden", "inter", "experts", "topk", "moe_tp"]
    times = np.log(rows.pivot_table(index=shape, columns="distribution", values="time_us"))
    return times.diff(axis=1).iloc[:, 1].abs().mean() / math.sqrt(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", metavar="SOURCE_FOLDER", type=Path)
    options = parser.parse_args()
    for system in SYSTEMS:
        source = options.sources / system.source
        print(f"{system.name:16} experts {error_of_experts(source):.1%} at one token")
        rows = pd.read_csv(source / "gemm.csv.gz")
        rows = rows[(rows.dtype == "bf16") & (rows.n >= SIZE_MIN) & (rows.k >= SIZE_MIN)]
        times = np.log(rows.pivot_table(index=["n", "k"], columns="m", values="time_us"))
        if not {m + side for m in (*FEW_ROWS, *PAIRS) for side in (0, 1)} <= set(times):
            print(f"{system.name:16} GEMMs have no neighbours")
            continue
        print(f"{system.name:16} GEMMs {errors_of_few_rows(times):.1%} at 9 to 15 rows, "
              f"at most {errors_of_pairs(times):.1%} at 2,304 to 4,097")


if __name__ == "__main__":
    main()
