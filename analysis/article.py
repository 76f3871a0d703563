#!/usr/bin/python3
"""The article's claims about serving LLMs in parallel, each beside simulation.

    analysis/article.py [--tandem PATH] [--json]

Runs the scenarios of configs/scenarios/article, some in several variants, on all cores. A claim
that simulation does not bear out is a finding, not a failure: the exit code is 0 unless tandem
itself fails (1).
"""

import argparse
import json
import os
import signal
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from article_claims import SECTIONS
from tandem_program import Tandem, TandemError, find

WIDTH = 110
INDENT = 6


def title_of(section):
    return section.__doc__.strip().rstrip(".")


def print_row(row):
    """One claim: its numbers on a line where they fit there, and why below."""
    verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[row.holds]
    line = f"  {row.case:<58}{row.claim:>15}{row.simulation:>14}{row.difference:>11}  {verdict}"
    fits = len(row.claim) < 15 and len(row.simulation) < 14
    if not fits:
        line = f"  {row.case:<87}{row.difference:>11}  {verdict}"
    print(line.rstrip())
    if not fits:
        print(f"{'':{INDENT}}claim       {row.claim}\n{'':{INDENT}}simulation  {row.simulation}")
    if row.why:
        indent = " " * INDENT
        print(textwrap.fill(row.why, WIDTH, initial_indent=indent, subsequent_indent=indent))


def print_table(results):
    print(f"  {'':<58}{'claim':>15}{'simulation':>14}{'difference':>11}")
    for section, rows in results:
        print(f"\n{title_of(section)}")
        for row in rows:
            print_row(row)
    claims = [row for _, rows in results for row in rows if row.holds is not None]
    held = sum(row.holds for row in claims)
    print(f"\n{held} of {len(claims)} claims hold: within 10% of their number, inside their "
          "range, in their order")


def print_json(results):
    sections = [{"section": section.__name__, "title": title_of(section),
                 "rows": [asdict(row) for row in rows]} for section, rows in results]
    json.dump(sections, sys.stdout, indent=2)
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tandem", metavar="PATH", help="the program; build/tandem, else PATH's")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    try:
        tandem = Tandem(find(options.tandem))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(zip(SECTIONS, pool.map(lambda section: section(tandem), SECTIONS)))
    except TandemError as error:
        print(f"article.py: {error}", file=sys.stderr)
        return 1
    if options.json:
        print_json(results)
    else:
        print_table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
