#!/usr/bin/python3
"""tandem compare: are its errors those of the requests, and are other requests refused?"""

import csv
import json
import xml.dom.minidom

import h5py
import numpy

from tandem_cli import SCENARIO, SMALL, TandemTest, main

COLUMNS = ["arrival_s", "input_tokens", "output_tokens", "first_token_s", "done_s"]


class CompareTest(TandemTest):
    def setUp(self):
        super().setUp()
        self.run_path = self.folder / "run.h5"
        self.tandem_ok("run", "--quiet", SCENARIO, *SMALL, "-o", self.run_path)
        with h5py.File(self.run_path) as file:
            self.requests = numpy.sort(file["requests"][:], order="id")

    def rows(self, slower=1.0):
        """The run's requests as if measured: all that takes time takes `slower` times as long."""
        return [{"arrival_s": r["arrival_s"], "input_tokens": r["input_tokens"],
                 "output_tokens": r["output_tokens"],
                 "first_token_s": r["arrival_s"] + slower * (r["first_token_s"] - r["arrival_s"]),
                 "done_s": r["arrival_s"] + slower * (r["done_s"] - r["arrival_s"])}
                for r in self.requests]

    def write(self, rows):
        path = self.folder / "measured.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            file.write("# Source: this test.\n")
            lines = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            lines.writeheader()
            lines.writerows(rows)
        return path

    def compare(self, rows, *options):
        return json.loads(self.tandem_ok("compare", "--json", self.run_path, self.write(rows),
                                         *options))["cases"]

    def assert_refused(self, rows, message, *options):
        done = self.tandem("compare", self.run_path, self.write(rows), *options)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_itself(self):
        """A run measured to be what it is has no error, whatever the metric."""
        case, = self.compare(self.rows())
        self.assertEqual(case["requests"], 200)
        for metric in ("ttft_s", "tpot_s", "e2e_s"):
            self.assertEqual(list(case[metric]), ["mean", "p50", "p90", "p95", "p99"])
            for figure in case[metric].values():
                self.assertAlmostEqual(figure["error"], 0, places=9)
        self.assertAlmostEqual(case["output_tokens_per_s"]["error"], 0, places=9)

    def test_scale(self):
        """Silicon that takes 1.25 times as long is underestimated by 1 - 1/1.25 = 20%."""
        case, = self.compare(self.rows(slower=1.25))
        for metric in ("ttft_s", "tpot_s", "e2e_s"):
            for figure in case[metric].values():
                self.assertAlmostEqual(figure["error"], -0.2, places=9)

    def test_percentiles(self):
        """Percentiles are numpy's of the requests in the file; throughput is tokens over time."""
        case, = self.compare(self.rows())
        ttft_s = self.requests["first_token_s"] - self.requests["arrival_s"]
        for percentile in (50, 90, 95, 99):
            self.assertAlmostEqual(case["ttft_s"][f"p{percentile}"]["measured"],
                                   numpy.percentile(ttft_s, percentile), places=12)
        self.assertAlmostEqual(case["ttft_s"]["mean"]["simulated"], ttft_s.mean(), places=12)
        duration_s = self.requests["done_s"].max() - self.requests["arrival_s"][0]
        self.assertAlmostEqual(case["output_tokens_per_s"]["simulated"],
                               self.requests["output_tokens"].sum() / duration_s, places=6)

    def test_cases(self):
        """Two cases, each on a clock of its own, are two comparisons."""
        rows = self.rows()
        for index, row in enumerate(rows):
            row["case"] = "first" if index < 50 else "second"
            if index >= 50:  # its clock begins with its own first request
                for column in ("arrival_s", "first_token_s", "done_s"):
                    row[column] -= self.requests["arrival_s"][50]
        first, second = self.compare(rows)
        self.assertEqual((first["case"], first["requests"]), ("first", 50))
        self.assertEqual((second["case"], second["requests"]), ("second", 150))
        self.assertAlmostEqual(second["ttft_s"]["p50"]["error"], 0, places=9)
        self.assertAlmostEqual(second["requests_per_s"]["error"], 0, places=9)

    def test_one_case(self):
        """--case takes that case's rows alone; a run of other requests does not match them."""
        rows = [dict(row, case="other", input_tokens=1) for row in self.rows()]
        rows += [dict(row, case="this") for row in self.rows()]
        case, = self.compare(rows, "--case", "this")
        self.assertEqual((case["case"], case["requests"]), ("this", 200))
        self.assert_refused(rows, "measured.csv:3: request 1 has 1 tokens in", "--case", "other")
        self.assert_refused(rows, "there are no requests of case none", "--case", "none")

    def test_queued(self):
        """--from queued: measured TTFT begins there, 1 ms after arrival; E2E still at arrival."""
        rows = [dict(row, queued_s=row["arrival_s"] + 1e-3) for row in self.rows()]
        arrival, = self.compare(rows)
        queued, = self.compare(rows, "--from", "queued")
        self.assertAlmostEqual(arrival["ttft_s"]["p50"]["measured"] - 1e-3,
                               queued["ttft_s"]["p50"]["measured"], places=9)
        self.assertEqual(arrival["e2e_s"], queued["e2e_s"])
        self.assert_refused(self.rows(), "there is no column 'queued_s'", "--from", "queued")

    def test_other_requests(self):
        """Other counts or lengths are refused, saying where they first differ."""
        self.assert_refused(self.rows()[:-1], "199 requests were measured, 200 are in")
        rows = self.rows()
        rows[7]["output_tokens"] += 1
        self.assert_refused(rows, "measured.csv:10: request 8 has")
        self.assert_refused(rows, "run.h5, where its id is 7, it has ")

    def test_the_wrong_way_round(self):
        """Of a measurement in the run's place, it is said that it is no run."""
        measured = self.folder / "measured.csv"
        measured.write_text("arrival_s,input_tokens,output_tokens,first_token_s,done_s\n0,1,1,1,1\n")
        done = self.tandem("compare", measured, self.run_path)
        self.assertEqual(done.returncode, 4)
        self.assertIn(f"tandem compare: cannot read {measured}", done.stderr)

    def test_damaged(self):
        """Rows that cannot have been measured are refused with their line."""
        rows = self.rows()
        rows[2]["done_s"] = rows[2]["arrival_s"] - 1
        self.assert_refused(rows, "measured.csv:5:1: a request arrives, has its first token")
        rows = self.rows()
        rows[3]["done_s"] = "nan"
        self.assert_refused(rows, "measured.csv:6:37: 'done_s' must be a number, not 'nan'")
        rows = self.rows()
        rows[0], rows[1] = rows[1], rows[0]
        self.assert_refused(rows, "measured.csv:4:1: requests must stand in the order")
        rows = [{key: value for key, value in row.items() if key != "done_s"}
                for row in self.rows()]
        self.assert_refused(rows, "measured.csv:2:1: there is no column 'done_s'")

    def test_plot(self):
        """The plot is an XML file with a curve of each side for each of three metrics."""
        path = self.folder / "plot.svg"
        rows = [dict(row, case="a<b") for row in self.rows()]
        self.tandem_ok("compare", self.run_path, self.write(rows), "--plot", path)
        paths = xml.dom.minidom.parse(str(path)).getElementsByTagName("path")
        self.assertEqual(sum(one.getAttribute("fill") == "none" for one in paths), 6)
        done = self.tandem("compare", self.run_path, self.write(rows), "--plot",
                           self.folder / "nowhere" / "plot.svg")
        self.assertEqual(done.returncode, 4)

    def test_table(self):
        """The table has a line for each number, with its error."""
        text = self.tandem_ok("compare", self.run_path, self.write(self.rows(slower=1.25)))
        self.assertIn("200 requests", text)
        self.assertEqual(text.count("-20.0%"), 15)

    def test_usage(self):
        """Missing files are usage or I/O errors."""
        self.assertEqual(self.tandem("compare", self.run_path).returncode, 2)
        self.assertEqual(self.tandem("compare", self.run_path, "none.csv").returncode, 4)
        self.assertEqual(self.tandem("compare", "none.h5", self.write(self.rows())).returncode, 4)
        self.assertEqual(self.tandem("compare", "--from", "x", "a", "b").returncode, 2)
        done = self.tandem("compare", self.run_path, self.write(self.rows()), "--plot", "p.png")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--plot draws SVG", done.stderr)
        self.assertIn("usage: tandem compare", self.tandem_ok("compare", "--help"))


if __name__ == "__main__":
    main()
