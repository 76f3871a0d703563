#!/usr/bin/python3
"""Thins kernel tables to what interpolation needs, and joins several into one.

For tables that `tandem calibrate` wrote of profiles that step finely, one of each shard. Sizes are
kept at the powers of 2; rows of a GEMM and of elementwise kernels at 1.5 times them too, and from
256 up at every 80: times step up at multiples of a tile's 64 to 256 rows, so that multiples alone,
whose last wave is full, would be faster than what lies between. What several tables have (kernels
that do not depend on the shard) is taken from the first. Comments are not kept: the next `tandem
calibrate` writes its own.
"""
import argparse
import csv
import sys

ROWS_FROM, ROWS_STEP, ROWS_PHASE = 256, 80, 16
SIZES = {"attn_decode": ("batch", "ctx"), "attn_prefill": ("q_len",),
         "attn_decode_beside": ("batch", "ctx", "q_len")}


def is_power_of_2(size):
    return size & (size - 1) == 0


def is_kept(row):
    if row["op"] in SIZES:
        return all(is_power_of_2(int(row[column])) for column in SIZES[row["op"]])
    rows = int(row["m"])
    if row["op"] == "copy":
        return is_power_of_2(rows)
    return is_power_of_2(rows) or (rows % 3 == 0 and is_power_of_2(rows // 3)) or \
        (rows >= ROWS_FROM and rows % ROWS_STEP == ROWS_PHASE)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="thin_table.py KERNELS.csv... > THINNED.csv")
    parser.add_argument("tables", metavar="KERNELS.csv", nargs="+")
    seen, writer = set(), None
    for path in parser.parse_args().tables:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                what = tuple(value for column, value in row.items() if column != "time_us")
                if what in seen or not is_kept(row):
                    continue
                if writer is None:
                    writer = csv.DictWriter(sys.stdout, row.keys(), lineterminator="\n")
                    writer.writeheader()
                seen.add(what)
                writer.writerow(row)


if __name__ == "__main__":
    main()
