#!/usr/bin/python3
"""analysis/article.py: does every one of the article's claims have its row?"""

import functools
import json
import re
import subprocess
import sys

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main

SECTIONS = {
    "one_request", "stream", "eight_gpus", "four_nodes", "memory", "selector", "mistake_pcie",
    "mistake_small_batches", "mistake_linear_scaling", "mistake_unbalanced",
}


@functools.cache
def article(program):
    """The script's exit, stdout and stderr; it runs once."""
    return subprocess.run(
        [sys.executable, ROOT / "analysis" / "article.py", "--tandem", program, "--json"],
        capture_output=True, text=True, env=ENVIRONMENT, timeout=400)


class Article(TandemTest):
    def test_every_claim_has_a_row(self):
        # Expect all sections, every row with what was claimed and found, and a reason for each
        # claim that does not hold; the warnings of the four mistakes appear.
        done = article(self.program)
        self.assertEqual(done.returncode, 0, done.stderr)
        sections = {one["section"]: one["rows"] for one in json.loads(done.stdout)}
        self.assertEqual(set(sections), SECTIONS)
        for row in (row for rows in sections.values() for row in rows):
            self.assertTrue(row["case"] and row["simulation"], row)
            self.assertTrue(row["claim"] or row["holds"] is None, row)
            self.assertTrue(row["why"] or row["holds"], row)
        for section, code in (("mistake_pcie", "tp_over_pcie"),
                              ("mistake_small_batches", "pipeline_starved"),
                              ("mistake_small_batches", "pipeline_underfilled"),
                              ("mistake_linear_scaling", "pipeline_bubbles"),
                              ("mistake_unbalanced", "unbalanced_stages")):
            warned = [row for row in sections[section] if row["claim"] == code]
            self.assertEqual([row["holds"] for row in warned], [True], code)
            self.assertRegex(warned[0]["why"], r"\d")

    def test_physics_the_absolute_claims_break(self):
        # Expect simulation above the bound that the row itself gives: a token reads the weights.
        done = article(self.program)
        rows = json.loads(done.stdout)[0]["rows"]
        absolute = [row for row in rows if row["case"].startswith("100 tokens")]
        self.assertEqual(len(absolute), 4)
        for row in absolute:
            bound_ms = float(re.search(r"([\d,]+) ms for 100", row["why"])[1].replace(",", ""))
            simulated_ms = float(row["simulation"].removesuffix(" ms").replace(",", ""))
            claimed_ms = float(row["claim"].removesuffix(" ms"))
            self.assertLess(claimed_ms, bound_ms)
            self.assertLess(bound_ms, simulated_ms)

    def test_no_program(self):
        # Expect exit code 1 and what was looked for.
        done = article(str(self.folder / "none"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("none", done.stderr)


if __name__ == "__main__":
    main()
