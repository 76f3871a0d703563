#!/usr/bin/python3
"""Where do a request's instructions go, part by part?

    profile.py TANDEM [--scenario NAME] [--timeline LEVEL]

Runs bench-blis twice under callgrind and prints the difference, so that the set-up is left out, in
instructions a request. TANDEM must know its source lines:

    CFLAGS=-g1 meson setup build-profile && ninja -C build-profile tandem
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUESTS = (2_000, 12_000)

# The part of the program that a file or library belongs to; the first that matches counts.
PARTS = [
    ("arrival draw", r"workload|rng|libgsl|e_log|s_log1p|trace|line_reader"),
    ("event queue", r"sim/engine"),
    ("batch pick", r"batcher|lane|kv_cache|sim/heap|request\.[ch]"),
    ("step cost", r"step_cost|step_work|group_cost|surface|compute|cost_grid|cost_sum|kernel_table"
                  r"|collective|exchange|sharding|host\.[ch]|model|seen_shapes|e_exp|w_exp|libm"),
    ("stages and replicas", r"pipeline|flight|decode_run|laps|replica|pool|fleet|router|simulation"
                            r"|sim/base|session"),
    ("accounting", r"accounting|link_meter"),
    ("quantiles", r"quantiles|tally|msort"),
    ("output", r"src/record|sim/rows|sim/diary|libisal|libhdf5|memmove|memset"),
    ("elsewhere", r""),
]

LINE = re.compile(r"^ *([\d,]+) \(.*?\)  (.*)$")


def part_of(place):
    return next(part for part, pattern in PARTS if re.search(pattern, place))


def instructions_by_part(command, requests, scratch):
    """Self cost of each part in a run of so many requests."""
    profile = scratch / "callgrind.out"
    subprocess.run(["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}",
                    *command, "--set", f"workload.requests={requests}"],
                   check=True, stdout=subprocess.DEVNULL,
                   env=os.environ | {"TANDEM_DATA_DIR": str(ROOT)})
    printed = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", profile],
                             check=True, capture_output=True, text=True).stdout
    by_part = collections.Counter()
    for line in printed.splitlines():
        match = LINE.match(line)
        if match and match[2] != "PROGRAM TOTALS":
            by_part[part_of(match[2])] += int(match[1].replace(",", ""))
    return by_part


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tandem")
    parser.add_argument("--scenario", default="bench-blis")
    parser.add_argument("--timeline", default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        command = [options.tandem, "run", ROOT / f"configs/scenarios/{options.scenario}.yaml",
                   "--quiet", "--timeline", options.timeline, "-o", scratch / "out.h5"]
        few, many = (instructions_by_part(command, requests, scratch) for requests in REQUESTS)
    requests = REQUESTS[1] - REQUESTS[0]
    print(f"{'part':30}{'instructions a request':>24}")
    for part, _ in PARTS:
        print(f"{part:30}{(many[part] - few[part]) / requests:>24,.0f}")
    print(f"{'all':30}{(many.total() - few.total()) / requests:>24,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
