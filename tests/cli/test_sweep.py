#!/usr/bin/python3
"""tandem sweep and merge: does a sweep give every point once, whatever befalls it?"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
import unittest.mock
from pathlib import Path

import h5py
import numpy
import pandas

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main, shown_on_terminal

SCENARIO = """
scenario:
  base: scenarios/default
  workload:
    trace: null
    arrivals: {process: poisson, rate: 8 /s}
    requests: REQUESTS
    input_tokens: {distribution: lognormal, mean: 512, cv: 0.9, max: 4096}
    output_tokens: 40
"""

# Twelve points on two axes; the last variant does not fit on its GPU.
GRID = SCENARIO.replace("REQUESTS", "300") + """
variants:
  TP=8: {layout.tensor_parallel: 8, layout.pipeline_parallel: 1}
  TP=4 x PP=2: {layout.tensor_parallel: 4, layout.pipeline_parallel: 2}
  TP=1: {layout.tensor_parallel: 1, layout.pipeline_parallel: 1}
grid:
  workload.arrivals.rate: [4 /s, 8 /s]
  engine.max_sequences: [16, 256]
"""

CURVES = SCENARIO.replace("REQUESTS", "1500") + """
variants:
  TP=8: {layout.tensor_parallel: 8, layout.pipeline_parallel: 1}
  PP=8: {layout.tensor_parallel: 1, layout.pipeline_parallel: 8}
  TP=1: {layout.tensor_parallel: 1, layout.pipeline_parallel: 1}
curves: {load: workload.arrivals.rate, from: 1 /s, to: 200 /s, points: 12}
"""

# The same, sooner over: fewer points, on a GPU without measured tables to prepare.
BRIEF = (CURVES.replace("requests: 1500", "requests: 400").replace("points: 12", "points: 6")
         .replace("  workload:", "  cluster: clusters/pcie-h100\n  workload:"))

# Two points of a second or so each.
LONG = SCENARIO.replace("REQUESTS", "200000") + "grid: {run.seed: [1, 2]}\n"


POOLS = """
scenario: {base: scenarios/70b-disaggregated, layout: {kv_transfer: whole}, run: {duration: 10 s}}
grid: {layout.pools.decode.tensor_parallel: [4, 8]}
"""


def frame(path):
    """/points as a data frame, texts as str."""
    with h5py.File(path) as file:
        points = pandas.DataFrame(file["points"][:])
    for column in points.columns:
        if points[column].dtype == object:
            points[column] = points[column].str.decode("utf-8")
    return points


class SweepTest(TandemTest):
    def write(self, text, name="sweep.yaml"):
        path = self.folder / name
        path.write_text(text)
        return path

    def sweep(self, text, *options, output="out.h5"):
        """Runs a sweep that must succeed; gives back the path of its file."""
        path = self.folder / output
        self.tandem_ok("sweep", self.write(text), "-o", path, *options)
        return path

    def start(self, sweep, *options):
        """A sweep in the background."""
        return subprocess.Popen(
            [self.program, "sweep", str(sweep), "-o", str(self.folder / "out.h5"), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )


class Points(SweepTest):
    def test_shipped_sweeps_are_found_from_anywhere(self):
        # Expect the name under configs/ to do where no such file is here, and to name the file.
        done = self.tandem("sweep", "sweeps/models-and-seeds", "--set", "workload.requests=10",
                           cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(frame(self.folder / "models-and-seeds.h5")), 20)

    def test_every_point_is_a_row(self):
        # Expect 3 x 2 x 2 rows, variants outermost and the load innermost, parameters as numbers
        # in SI units, and each column's units.
        path = self.sweep(GRID)
        points = frame(path)
        self.assertEqual(list(points["index"]), list(range(12)))
        self.assertEqual(list(points["variant"][::4]), ["TP=8", "TP=4 x PP=2", "TP=1"])
        self.assertEqual(list(points["engine.max_sequences"][:4]), [16, 16, 256, 256])
        self.assertEqual(list(points["workload.arrivals.rate"][:4]), [4, 8, 4, 8])
        self.assertEqual(list(points["curve"][1:3]), ["TP=8, max_sequences=16", "TP=8, max_sequences=256"])
        with h5py.File(path) as file:
            units = dict(zip(file["points"].dtype.names, file["points"].attrs["units"]))
        for column, unit in {
            "workload.arrivals.rate": "1/s",
            "ttft_s.p99": "s",
            "output_tokens_per_s": "tokens/s",
            "memory.kv_bytes": "bytes",
        }.items():
            self.assertEqual(units[column], unit)

    def test_a_point_is_what_run_gives(self):
        # Expect the row of a point to hold what `tandem run --json` prints for its scenario.
        points = frame(self.sweep(GRID))
        scenario = SCENARIO.replace("REQUESTS", "300").replace("scenario:\n  base", "base")
        scenario = "\n".join(line[2:] if line.startswith("  ") else line
                             for line in scenario.splitlines())
        path = self.write(scenario, "scenario.yaml")
        result = json.loads(self.tandem_ok(
            "run", path, "--json", "--set", "layout.tensor_parallel=8",
            "--set", "layout.pipeline_parallel=1", "--set", "engine.max_sequences=16",
            "--set", "workload.arrivals.rate=8 /s"))
        for group in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
            for key, value in result[group].items():
                self.assertEqual(points[f"{group}.{key}"][1], value)
        self.assertEqual(points["output_tokens_per_s"][1], result["output_tokens_per_s"])
        self.assertEqual(points["requests.completed"][1], 300)

    def test_gpus_of_all_pools_count(self):
        # Expect two replicas of four GPUs that prefill and one of four or eight that decodes to
        # take 12 and 16.
        points = frame(self.sweep(POOLS))
        self.assertEqual(list(points["gpus"]), [12, 16])

    def test_points_that_refuse_say_so(self):
        # Expect points whose KV holds only the shorter requests to be marked, in the table and the
        # file, to sustain no load and to be on no Pareto front, and the others not.
        refusing = SCENARIO.replace("REQUESTS", "300").replace(
            "input_tokens: {distribution: lognormal, mean: 512, cv: 0.9, max: 4096}",
            "input_tokens: {distribution: uniform, min: 1000, max: 30000}") + '''
variants:
  TP=8: {layout.tensor_parallel: 8, layout.pipeline_parallel: 1}
  TP=2: {layout.tensor_parallel: 2, layout.pipeline_parallel: 1}
'''
        path = self.folder / "out.h5"
        out = self.tandem_ok("sweep", self.write(refusing + "grid: {run.seed: [1]}\n"), "-o", path)
        rows = [line for line in out.splitlines() if line.startswith("TP=")]
        self.assertNotIn("refuses", rows[0])
        self.assertRegex(rows[1], r"refuses [\d.]+%$")
        self.assertIn("1 of 2 points rejected or lost requests", out)
        self.assertEqual(list(frame(path)["refusing"]), [False, True])
        out = self.tandem_ok("sweep", self.write(refusing + "grid: {workload.arrivals.rate: "
                                                 "[0.02 /s, 0.04 /s]}\n"), "-o", path)
        rows = [line for line in out.splitlines() if line.startswith("TP=")]
        self.assertRegex(rows[1], r" 2 +[\d.]+ m?s +[\d.]+ ms +- .* 2 refusing$")
        with h5py.File(path) as file:
            self.assertGreater(file["curves/TP=8/ttft"].attrs["sustained_to"], 0)
            self.assertTrue(numpy.isnan(file["curves/TP=2/ttft"].attrs["sustained_to"]))
        # The same requests come to both.
        offered = frame(path)["offered_requests_per_s"]
        for mine, other in ((0, 2), (1, 3)):
            self.assertAlmostEqual(offered[mine] / offered[other], 1, delta=0.02)

    def test_a_point_that_fails_is_a_row_too(self):
        # Expect the third variant's rows to say why, their numbers to be NaN, and the rest to be.
        path = self.folder / "out.h5"
        out = self.tandem_ok("sweep", self.write(GRID), "-o", path)
        self.assertIn("12 points, 4 failed", out)
        self.assertIn("does not fit", out)
        points = frame(path)
        self.assertEqual(list(points["status"]), ["done"] * 8 + ["failed"] * 4)
        self.assertTrue(points["error"][8:].str.contains("layouts that fit").all())
        self.assertTrue(points["ttft_s.p50"][8:].isna().all())
        self.assertTrue(points["ttft_s.p50"][:8].notna().all())

    def test_a_point_of_which_nothing_counts_is_no_point(self):
        # Expect a warm-up longer than the run to be a failure, not a row of dashes that keeps up.
        out = self.tandem_ok("sweep", self.write(
            "scenario: {base: scenarios/default}\ngrid: {run.warmup: [0 s, 100000 s]}\n"),
            "-o", self.folder / "out.h5")
        self.assertIn("2 points, 1 failed", out)
        self.assertIn("10000 requests arrived within run.warmup, which leaves none to count", out)

    def test_a_point_that_never_ends_is_a_row_too(self):
        # Expect a GPU a million times slower to fail its point alone.
        out = self.tandem_ok("sweep", self.write(
            "scenario: {base: scenarios/default, run: {duration: 20 s}}\n"
            "variants:\n  usual: {}\n  slow: {events: [{at: 0 s, slow: {gpu: 0, factor: 1e6}}]}\n"),
            "-o", self.folder / "out.h5")
        self.assertIn("2 points, 1 failed", out)
        self.assertIn("more than the 1000 s that a stage may take for it", out)

    def test_zip_takes_lists_together(self):
        # Expect two points, not four, with the model by its name.
        text = SCENARIO.replace("REQUESTS", "50") + (
            "zip:\n  model: [models/llama-3.1-8b, models/qwen3-8b]\n"
            "  layout.tensor_parallel: [1, 2]\n")
        points = frame(self.sweep(text))
        self.assertEqual(list(points["layout.tensor_parallel"]), [1, 2])
        self.assertEqual(list(points["model"]), ["models/llama-3.1-8b", "models/qwen3-8b"])

    def test_set_changes_the_scenario_before_the_axes(self):
        # Expect --set to change what no axis sets, and the axes to win where both do.
        path = self.sweep(GRID, "--set", "workload.requests=20", "--set", "engine.max_sequences=1")
        points = frame(path)
        self.assertEqual(set(points["requests.arrived"][:8]), {20})
        self.assertEqual(set(points["engine.max_sequences"]), {16, 256})

    def test_point_files(self):
        # Expect each point that ran to have a file of its own, as `tandem run` writes it.
        files = self.folder / "files"
        points = frame(self.sweep(GRID, "--point-files", files))
        self.assertEqual(len(list(files.iterdir())), 8)
        for row in range(8):
            with h5py.File(points["file"][row]) as file:
                self.assertEqual(file["summary"].attrs["ttft_s.p95"], points["ttft_s.p95"][row])


class Curves(SweepTest):
    def test_nexus_draws_each_layout(self):
        # Expect the NeXus attributes that lead a viewer from the root to a curve, with axes of the
        # signal's length and units, for each layout that runs.
        with h5py.File(self.sweep(CURVES)) as file:
            self.assertEqual(file.attrs["NX_class"], "NXroot")
            curves = file[file.attrs["default"]]
            self.assertEqual(curves.attrs["NX_class"], "NXentry")
            self.assertEqual(set(curves), {"TP=8", "PP=8", "pareto"})
            for name in ("TP=8", "PP=8"):
                for figure in ("ttft", "tpot", "e2e", "throughput", "tokens"):
                    data = curves[name][figure]
                    self.assertEqual(data.attrs["NX_class"], "NXdata")
                    axis = data[data.attrs["axes"]]
                    self.assertEqual(axis.attrs["units"], "requests/s")
                    signals = [data.attrs["signal"], *data.attrs.get("auxiliary_signals", [])]
                    for signal_name in signals:
                        self.assertEqual(data[signal_name].shape, axis.shape)
                        self.assertIn("units", data[signal_name].attrs)
                    self.assertTrue((numpy.diff(axis[:]) > 0).all())

    def test_any_name_makes_a_group(self):
        # Expect a group for each series whatever it is called: as the front, as another one's
        # group, with slashes, in characters of several bytes or long, and alike but for the end.
        long = "\u00e9" * 90
        names = ["pareto", "pareto (2)", "a/b", f"{long}1", f"{long}2"]
        variants = "".join(f"  {name}: {{engine.max_sequences: {64 + i}}}\n"
                           for i, name in enumerate(names))
        text = BRIEF[:BRIEF.index("variants:")] + "variants:\n" + variants + BRIEF[BRIEF.index("curves:"):]
        output = self.folder / "out.h5"
        stdout = self.tandem_ok("sweep", self.write(text), "-o", output)
        with h5py.File(output) as file:
            groups = {group.attrs["series"]: name for name, group in file["curves"].items()
                      if name != "pareto"}
            self.assertEqual(file["curves/pareto"].attrs["NX_class"], "NXdata")
        cut = "\u00e9" * 64
        self.assertEqual([groups[i] for i in range(len(names))],
                         ["pareto (2)", "pareto (2) (2)", "a_b", cut, f"{cut} (2)"])
        # Expect the table to have them whole, the long ones on lines of their own.
        lines = stdout.splitlines()
        for name in names:
            self.assertEqual(sum(line == name or line.startswith(name + "  ") for line in lines), 1,
                             (name, stdout))

    def test_the_table_is_aligned_by_characters(self):
        # Expect rows of the same length whether a name's characters are of one byte or of two.
        text = GRID.replace("TP=4 x PP=2:", "\u0422\u041f=4 \u00d7 \u041f\u041f=2:")
        table = self.tandem_ok("sweep", self.write(text), "-o", self.folder / "out.h5")
        ends = [found.end() for found in
                (re.search(r"max_sequences=\d+ +8 ", row) for row in table.splitlines()) if found]
        self.assertEqual(len(ends), 4, table)
        self.assertEqual(len(set(ends)), 1, table)

    def test_short_points_say_that_they_cannot_tell(self):
        # Expect of 1,500 requests a point the lightest load to be kept up with, the heaviest to be
        # saturated, and loads between to tell neither: marked in the file, counted in the table
        # with how many requests would tell, and on no Pareto front.
        path = self.folder / "out.h5"
        out = self.tandem_ok("sweep", self.write(CURVES), "-o", path)
        points = frame(path)
        points = points[points["status"] == "done"]
        for curve in ("TP=8", "PP=8"):
            answers = list(points[points["curve"] == curve].sort_values("offered_requests_per_s")["balance"])
            self.assertEqual((answers[0], answers[-1]), ("kept_up", "saturated"))
            self.assertIn("too_short", answers)
            with h5py.File(path) as file:
                data = file["curves"][curve]["ttft"]
                self.assertEqual([answer == "too_short" for answer in answers],
                                 list(data["too_short"][:].astype(bool)))
                self.assertEqual([answer == "saturated" for answer in answers],
                                 list(data["saturated"][:].astype(bool)))
        short = points[points["balance"] == "too_short"]
        self.assertTrue((short["requests_to_tell"] > 1500).all())
        self.assertRegex(out, rf"{len(short)} of \d+ points ran too short to tell .*\n.*about [\d,]+ requests")
        with h5py.File(path) as file:
            front = file["curves/pareto/point"][:].astype(int)
        self.assertFalse(set(front) & set(short["index"]))

    def test_what_would_tell_can_be_had(self):
        # Expect requests that are drawn to be asked for by their key, which does not go with a
        # trace: of that a longer one is asked for; of a sweep of both, either.
        trace = self.folder / "trace.csv"
        generator = random.Random(1)
        times = sorted(generator.uniform(0, 60 / 9) for _ in range(60))
        trace.write_text("arrival_s,input_tokens,output_tokens\n"
                         + "".join(f"{time},500,40\n" for time in times))
        drawn = ("{trace: null, arrivals: {process: poisson, rate: 9 /s}, requests: 60,"
                 " input_tokens: 500, output_tokens: 40}")
        replayed = f"{{trace: {{file: {trace}, format: tandem}}}}"
        for workloads, remedy in (([drawn], "workload.requests"), ([replayed], "a longer trace"),
                                  ([drawn, replayed], "workload.requests, or a longer trace")):
            text = (f"scenario: {{base: scenarios/default, workload: {workloads[0]}}}\n"
                    f"grid: {{workload: [{', '.join(workloads)}]}}\n")
            out = self.tandem_ok("sweep", self.write(text), "-o", self.folder / "out.h5")
            self.assertRegex(out, rf"requests a point would tell \({re.escape(remedy)}\)\n")

    def test_saturation_is_marked_and_not_drawn(self):
        # Expect a wall within 6% between the highest sustained and the lowest saturated load of
        # long runs, but for loads too short to tell between; latencies NaN beyond it and rising
        # before it, and throughput that levels off.
        with h5py.File(self.sweep(CURVES.replace("requests: 1500", "requests: 30000"))) as file:
            for name in ("TP=8", "PP=8"):
                data = file["curves"][name]["e2e"]
                saturated = data["saturated"][:].astype(bool)
                p95 = data["p95"][:]
                wall = data.attrs["saturated_from"]
                self.assertTrue(saturated.any() and not saturated.all())
                self.assertTrue(numpy.isnan(p95[saturated]).all())
                self.assertTrue(numpy.isfinite(p95[~saturated]).all())
                self.assertGreater(p95[~saturated][-1], 2 * p95[0])
                told = ~data["too_short"][:].astype(bool)
                loads = data["load"][:]
                between = (loads > data.attrs["sustained_to"]) & (loads < wall)
                self.assertFalse((told & between).any())
                beyond = loads[loads > data.attrs["sustained_to"]]
                self.assertLess(beyond[0] / data.attrs["sustained_to"], 1.06)
                served = file["curves"][name]["throughput"]["requests_per_s"][:]
                self.assertLess(served.max(), data["load"][:].max() / 3)

    def test_the_table_says_what_is_within_the_slo(self):
        # Expect the highest load of a layout that is kept up with, as all lower ones are, within an
        # SLO that its last loads miss: before what it sustains, in the table and in the file. Where
        # there is no SLO there is no such column.
        path = self.folder / "out.h5"
        curves = CURVES.replace("requests: 1500", "requests: 10000").replace("  TP=1:", "  #")
        for slo, shows in (("{ttft: 400 ms, tpot: null}", True), ("null", False)):
            text = curves.replace("  workload:", f"  slo: {slo}\n  workload:", 1)
            out = self.tandem_ok("sweep", self.write(text), "-o", path)
            self.assertEqual("within SLO" in out, shows, out)
            points = frame(path)
            for curve, rows in points.groupby("curve"):
                rows = rows.sort_values("offered_requests_per_s")
                known = rows[(rows["balance"] == "kept_up") & ~(rows["saturated"] == 1).cummax()]
                within = known[(known["slo.met"] == 1).cummin()]["offered_requests_per_s"].max()
                with h5py.File(path) as file:
                    walls = file["curves"][curve]["ttft"].attrs
                    sustained = walls["sustained_to"]
                    told = [walls["within_slo_to"], sustained] if shows else [sustained]
                row = next(line for line in out.splitlines() if line.startswith(curve))
                loads = re.findall(r"[\d,.]+", row.partition(" ms ")[2].partition(" ms ")[2])
                if shows:
                    self.assertEqual(told[0], within)
                    self.assertLess(within, sustained)
                for shown, load in zip(loads, told):
                    self.assertAlmostEqual(float(shown.replace(",", "")) / load, 1, delta=0.01)

    def test_pareto_front(self):
        # Expect the front's two sides to pull against each other, and its points to be in /points.
        path = self.sweep(CURVES)
        points = frame(path)
        with h5py.File(path) as file:
            front = file["curves/pareto"]
            per_gpu = front[front.attrs["signal"]][:]
            per_user = front[front.attrs["axes"]][:]
            rows = front["point"][:].astype(int)
        self.assertTrue((numpy.diff(per_user) > 0).all())
        self.assertTrue((numpy.diff(per_gpu) < 0).all())
        numpy.testing.assert_allclose(per_user, 1 / points["tpot_s.p50"][rows], rtol=1e-12)
        numpy.testing.assert_allclose(
            per_gpu, (points["lasting_tokens_per_s"] / points["gpus"])[rows], rtol=1e-12)

    def test_what_lasts_is_without_the_end(self):
        # Expect a load that is kept up with to be served for good, 400 tokens a request, though the
        # run shows less for its end, in which nothing arrives any more; and the table to say so. A
        # load that is not is served as fast as the run shows.
        path = self.folder / "out.h5"
        out = self.tandem_ok("sweep", self.write(CURVES.replace("output_tokens: 40",
                                                                "output_tokens: 400")), "-o", path)
        points = frame(path)
        points = points[points["variant"] == "TP=8"].sort_values("offered_requests_per_s")
        kept_up = points[points["balance"] == "kept_up"]
        saturated = points[points["balance"] == "saturated"]
        self.assertGreater(len(kept_up), 2)
        self.assertGreater(len(saturated), 2)
        numpy.testing.assert_allclose(kept_up["lasting_tokens_per_s"],
                                      400 * kept_up["offered_requests_per_s"], rtol=1e-9)
        sustained = kept_up.iloc[-1]
        self.assertGreater(sustained["lasting_tokens_per_s"],
                           1.03 * sustained["output_tokens_per_s"])
        self.assertEqual(list(saturated["lasting_tokens_per_s"]),
                         list(saturated["output_tokens_per_s"]))
        row = next(line for line in out.splitlines() if line.startswith("TP=8"))
        shown = float(row.rpartition("s ")[2].split()[0].replace(",", ""))
        self.assertAlmostEqual(shown / (sustained["lasting_tokens_per_s"] / 8), 1, delta=0.01)

    def test_a_closed_loop_lasts_as_measured(self):
        # Expect the run's own rate where nothing but what was asked for arrives.
        points = frame(self.sweep(SCENARIO.replace("REQUESTS", "100").replace(
            "{process: poisson, rate: 8 /s}", "{process: closed_loop, concurrency: 1}")
            + "grid: {workload.arrivals.concurrency: [4, 16]}\n"))
        self.assertEqual(list(points["status"]), ["done", "done"])
        self.assertEqual(list(points["lasting_tokens_per_s"]), list(points["output_tokens_per_s"]))

    def test_a_layout_that_does_not_fit_costs_two_runs(self):
        # Expect the third layout to be given up after its lowest and highest load.
        points = frame(self.sweep(CURVES))
        self.assertEqual(list(points["status"][points["variant"] == "TP=1"]), ["failed"] * 2)
        self.assertEqual(sum(points["variant"] == "TP=8"), 12)


class Determinism(SweepTest):
    def test_where_tandem_lies_does_not_matter(self):
        # Expect the same bytes from a copy of the configs and traces elsewhere, and a sweep finished
        # there to be this one.
        elsewhere = self.folder / "elsewhere"
        for name in ("configs", "traces"):
            shutil.copytree(ROOT / name, elsewhere / name)
        sweep = self.write("scenario: {base: scenarios/default, run: {duration: 30 s, warmup: 0 s}}\n"
                           "grid: {layout.tensor_parallel: [2, 4]}\n", "sweep.yaml")
        here, there = self.folder / "here.h5", self.folder / "there.h5"
        self.tandem_ok("sweep", sweep, "-o", here)
        with unittest.mock.patch.dict(ENVIRONMENT, TANDEM_DATA_DIR=str(elsewhere)):
            self.tandem_ok("sweep", sweep, "-o", there)
            self.assertEqual(here.read_bytes(), there.read_bytes())
            self.tandem_ok("sweep", sweep, "-o", here, "--resume")

    def test_same_bytes_whatever_the_workers(self):
        # Expect one, two and seven workers to write the same file.
        for text in (GRID, CURVES):
            written = {self.sweep(text, "-j", jobs).read_bytes() for jobs in (1, 2, 7)}
            self.assertEqual(len(written), 1)

    def test_parts_join_into_the_whole(self):
        # Expect the parts of a sweep, in any order, to join into the file of the whole, to the
        # byte; more parts than points too.
        for text, count in ((GRID, 3), (GRID, 13), (CURVES, 2)):
            whole = self.sweep(text).read_bytes()
            parts = [self.sweep(text, "--shard", f"{k}/{count}", output=f"{k}.h5")
                     for k in range(1, count + 1)]
            joined = self.folder / "joined.h5"
            self.tandem_ok("merge", joined, *reversed(parts))
            self.assertEqual(joined.read_bytes(), whole)

    def test_parts_that_do_not_go_together(self):
        # Expect exit code 3 and the reason, and no file: a part is missing, or twice there, or of
        # another sweep.
        one, two = (self.sweep(GRID, "--shard", f"{k}/2", output=f"{k}.h5") for k in (1, 2))
        other = self.sweep(GRID.replace("16, 256", "16, 128"), "--shard", "2/2", output="other.h5")
        joined, run = self.folder / "joined.h5", self.folder / "run.h5"
        self.tandem_ok("run", "scenarios/default", "--set", "run.duration=10 s", "-o", run)
        for parts, message in (
            ([one], "part 2 of 2 is missing"),
            ([one, two, one], "are the same part, 1 of 2"),
            ([one, other], "is of another sweep"),
            ([one, run], "run.h5 is not what 'tandem sweep' writes"),
        ):
            done = self.tandem("merge", joined, *parts)
            self.assertEqual(done.returncode, 3)
            self.assertRegex(done.stderr, f"^tandem merge: .*{message}")
            self.assertFalse(joined.exists())

    def test_parts_that_ran_on_other_files(self):
        # Expect exit code 3, the part and the file, where parts were run on traces of one name and
        # size that say something else; the same trace written anew does. A finished sweep is not
        # taken for that of the trace that is there now, either.
        trace = self.folder / "trace.csv"
        text = ("scenario: {base: scenarios/default, workload: {trace: {file: " + str(trace)
                + ", format: tandem}}}\ngrid: {run.seed: [1, 2], engine.max_sequences: [8, 16]}\n")
        rows = "arrival_s,input_tokens,output_tokens\n" + "".join(f"{i},100,10\n" for i in range(9))
        parts = []
        for k, written in ((1, rows), (2, rows.replace(",100,", ",200,"))):
            trace.write_text(written)
            parts.append(self.sweep(text, "--shard", f"{k}/2", output=f"{k}.h5"))
        joined = self.folder / "joined.h5"
        done = self.tandem("merge", joined, *parts)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stderr, f"tandem merge: {parts[1]} was run on another {trace} than "
                                      f"{parts[0]}\n")
        self.assertFalse(joined.exists())
        trace.write_text(rows)
        parts[1].unlink()
        self.sweep(text, "--shard", "2/2", output="2.h5")
        self.tandem_ok("merge", joined, *parts)
        sweep = self.write(text)
        self.tandem_ok("sweep", sweep, "-o", joined, "--resume")
        trace.write_text(rows.replace(",100,", ",200,"))
        done = self.tandem("sweep", sweep, "-o", joined, "--resume")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{joined} was run on another {trace} than is there now: remove it, or name "
                      "another output", done.stderr)

    def test_damaged_parts_crash_nothing(self):
        # Expect a part whose attributes' texts are said to be where there is none, of which HDF5
        # itself may crash, to be joined all the same, for its results are elsewhere; and one whose
        # results are damaged to be refused with exit code 3 or 4 and its name.
        one, two = (self.sweep(GRID, "--shard", f"{k}/2", output=f"{k}.h5") for k in (1, 2))
        whole, joined = self.sweep(GRID).read_bytes(), self.folder / "joined.h5"
        sound = one.read_bytes()
        damaged = bytearray(sound)
        for heap in re.finditer(b"GCOL", sound):
            address = re.escape(struct.pack("<Q", heap.start()))
            for text in re.finditer(b"[^\0]..\0" + address + b"[^\0]\0\0\0", sound, re.DOTALL):
                damaged[text.end() - 2] = 1  # of its number in the heap
        self.assertNotEqual(damaged, sound)
        one.write_bytes(damaged)
        self.tandem_ok("merge", joined, one, two)
        self.assertEqual(joined.read_bytes(), whole)
        joined.unlink()
        for name, change in (("header", lambda text: text[:-1]),
                             ("header", lambda text: text + b"more\0"),
                             ("header", lambda text: text.replace(b"1/2\0", b"3/2\0")),
                             ("records", lambda text: text[:-9]),
                             ("records", lambda text: text.replace(b"\n", b"\0"))):
            one.write_bytes(sound)
            with h5py.File(one, "r+") as file:
                text = change(bytes(file[name][:]))
                del file[name]
                file[name] = numpy.frombuffer(text, dtype=numpy.uint8)
            done = self.tandem("merge", joined, one, two)
            self.assertIn(done.returncode, (3, 4), (name, done.stderr))
            self.assertIn(str(one), done.stderr)
            self.assertFalse(joined.exists())

    def test_a_part_that_lost_points(self):
        # Expect exit code 4 and how many are gone of a part whose last point is, its line too, or
        # all of them.
        one, two = (self.sweep(GRID, "--shard", f"{k}/2", output=f"{k}.h5") for k in (1, 2))
        joined = self.folder / "joined.h5"
        with h5py.File(one) as file:
            lines = bytes(file["records"][:]).splitlines(keepends=True)
        self.assertEqual(len(lines), 6)
        for kept in (5, 0):
            with h5py.File(one, "r+") as file:
                del file["records"]
                if kept:
                    file["records"] = numpy.frombuffer(b"".join(lines[:kept]), dtype=numpy.uint8)
            done = self.tandem("merge", joined, one, two)
            self.assertEqual((done.returncode, done.stderr),
                             (4, f"tandem merge: {one} holds {kept} of its 6 points\n"))
            self.assertFalse(joined.exists())


class Interruption(SweepTest):
    def kill_at_random(self, generator, sweep, whole_s, files):
        """Kills a sweep somewhere on its way; gives back what its journal and folder then hold."""
        journal = self.folder / "out.h5.journal"
        with self.start(sweep, "-j", "2", "--point-files", str(files)) as process:
            time.sleep(generator.uniform(0, whole_s))
            process.kill()
            process.wait()
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        written = {path: path.stat().st_mtime_ns for path in files.glob("*.h5")} if files.exists() else {}
        return lines, written

    def test_killed_at_random_it_loses_what_was_under_way(self):
        # Expect, twenty times: after kill -9 at a random moment at most the two points under way
        # are not in the journal; --resume runs none of the others again (their files stay as they
        # were), and the file is that of a sweep that nobody killed.
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        generator = random.Random(seed)
        sweep = self.write(BRIEF)
        output = self.folder / "out.h5"
        files = self.folder / "files"
        started = time.monotonic()
        whole = self.sweep(BRIEF, "-j", "2", "--point-files", files).read_bytes()
        whole_s = time.monotonic() - started
        killed_early = 0
        for _ in range(20):
            output.unlink()
            for path in files.iterdir():
                path.unlink()
            lines, written = self.kill_at_random(generator, sweep, whole_s, files)
            if not output.exists():
                killed_early += 1
                self.assertLessEqual(len(written), lines + 2)
                self.tandem_ok("sweep", sweep, "-o", output, "--resume", "--point-files", files)
                again = sum(path.stat().st_mtime_ns != mtime for path, mtime in written.items())
                self.assertLessEqual(again, 2)
            else:
                whole_s *= 0.8  # the machine was slower when it was timed
            self.assertEqual(output.read_bytes(), whole)
            self.assertFalse((self.folder / "out.h5.journal").exists())
        self.assertGreater(killed_early, 5)

    def test_points_whose_files_changed_are_not_taken_up(self):
        # Expect a killed sweep's journal to be taken up only where the files that its scenario
        # names are as they were: token counts, and the tables of a GPU. Where no point is, it is
        # somebody's work still: exit code 2, and it stays.
        gpu = self.folder / "gpu"
        gpu.mkdir()
        lengths, kernels = gpu / "lengths.csv", gpu / "kernels.csv"
        text = LONG.replace("200000", "20000").replace(
            "output_tokens: 40", f"output_tokens: {{distribution: empirical, file: {lengths}}}")
        text = text.replace("  workload:\n", "  cluster: {base: clusters/hgx-h100, gpu:"
                            f" {{base: gpus/h100-sxm, measured: {gpu}}}}}\n  workload:\n")
        header = "op,dtype,m,n,time_us\n"
        for path, before, after in ((lengths, "tokens\n40\n", "tokens\n20\n"),
                                    (kernels, header + "silu_mul,bf16,8,8,5\n",
                                     header + "silu_mul,bf16,8,8,9\n")):
            lengths.write_text("tokens\n40\n")
            kernels.write_text(header)
            path.write_text(before)
            sweep = self.write(text)
            with self.start(sweep, "-j", "1") as process:
                journal = self.folder / "out.h5.journal"
                deadline = time.monotonic() + 60
                while not journal.exists() or journal.stat().st_size == 0:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.002)
                process.kill()
            times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
            path.write_text(after)
            kept = journal.read_bytes()
            done = self.tandem("sweep", sweep, "-o", self.folder / "out.h5", "--resume")
            self.assertEqual(done.returncode, 2)
            self.assertIn("out.h5.journal holds 1 point, but none of this sweep as it is now, with "
                          "its files and --point-files: remove it", done.stderr)
            self.assertEqual(journal.read_bytes(), kept)
            path.write_text(before)
            os.utime(path, ns=times)
            done = self.tandem("sweep", sweep, "-o", self.folder / "out.h5", "--resume")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("note: 1 of 2 points taken from ", done.stderr)
            self.assertEqual(self.sweep(text, output="again.h5").read_bytes(),
                             (self.folder / "out.h5").read_bytes())
            (self.folder / "out.h5").unlink()

    def test_what_is_finished_is_not_run_again(self):
        # Expect --resume to leave a finished file alone, whoever started it, to say so and to print
        # the same table; and to refuse one of another sweep, or of another part of it.
        sweep, output = self.write(BRIEF), self.folder / "out.h5"
        table = self.tandem_ok("sweep", sweep, "-o", output)
        before = (output.read_bytes(), output.stat().st_mtime_ns)
        done = self.tandem("sweep", sweep, "-o", output, "--resume")
        self.assertEqual((done.returncode, done.stdout), (0, table))
        self.assertEqual(done.stderr, f"note: {output} is finished, and stays as it is\n")
        for text, options, words in (
                (BRIEF.replace("points: 6", "points: 5"), (), "is of another sweep than"),
                (BRIEF, ("--set", "run.seed=2"), "is of another scenario than"),
                (BRIEF, ("--shard", "1/2"), "is part 1 of 1, "),
        ):
            done = self.tandem("sweep", self.write(text), "-o", output, "--resume", "-q", *options)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"{output} {words}", done.stderr)
            self.assertIn(": remove it, or name another output", done.stderr)
        self.assertEqual((output.read_bytes(), output.stat().st_mtime_ns), before)
        self.assertEqual(sorted(self.folder.iterdir()), [output, sweep])
        # Expect points' files, which nothing makes any more, and what no sweep wrote to be refused
        # alike.
        self.write(BRIEF)
        with h5py.File(self.folder / "plan.h5", "w") as file:
            file.attrs["plan"] = "another"
        for name, options, words in (
                ("out.h5", ("--point-files", self.folder / "files"),
                 "is finished, and its points' files are not made again"),
                ("plan.h5", (), "is not what 'tandem sweep' writes"),
        ):
            done = self.tandem("sweep", sweep, "-o", self.folder / name, "--resume", *options)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"tandem sweep: {self.folder / name} {words}: remove it, or name another "
                          "output\n", done.stderr)

    def test_resuming_from_nothing_says_so(self):
        # Expect all points to run where there is no journal, as in a batch job's first try, with a
        # word on it unless it is to be quiet.
        sweep, output = self.write(GRID), self.folder / "out.h5"
        for options, note in (((), f"note: there is no {output}.journal to go on from: every point "
                                   "runs\n"), (("-q",), "")):
            done = self.tandem("sweep", sweep, "-o", output, "--resume", *options)
            self.assertEqual((done.returncode, done.stderr), (0, note))
            output.unlink()

    def test_unfinished_work_is_not_thrown_away(self):
        # Expect a sweep whose journal is there to be refused without --resume, with exit code 2.
        journal = self.folder / "out.h5.journal"
        journal.write_text("0123456789abcdef {}\n")
        done = self.tandem("sweep", self.write(GRID), "-o", self.folder / "out.h5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--resume", done.stderr)
        self.assertTrue(journal.exists())

    def test_interrupt_can_be_resumed(self):
        # Expect Ctrl-C to end the sweep by that signal with a word on --resume where a journal is
        # left to go on from, and else that no point was done, no file under its name, and no worker
        # left behind.
        with self.start(self.write(LONG), "-j", "2") as process:
            children = self.wait_for_children(process, 2)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        is_resumable = (self.folder / "out.h5.journal").exists()
        self.assertIn(b"go on with --resume" if is_resumable else
                      b"tandem sweep: interrupted; no point was done\n", stderr)
        self.assertFalse((self.folder / "out.h5").exists())
        for child in children:
            self.assertFalse(Path(f"/proc/{child}").exists())

    def test_an_interrupt_before_any_point_is_done(self):
        # Expect no word on --resume where nothing is left to go on from.
        with self.start(self.write(LONG.replace("200000", "20000000")), "-j", "1") as process:
            journal = self.folder / "out.h5.journal"
            deadline = time.monotonic() + 60
            while not journal.exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.002)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertEqual(stderr, b"tandem sweep: interrupted; no point was done\n")
        self.assertFalse(journal.exists())

    def test_a_signal_to_all_processes_can_be_resumed(self):
        # Expect Ctrl-C on a terminal and SIGTERM from a batch system, which the workers get too, to
        # leave nothing that resuming does not make good: the file is that of a sweep left alone.
        whole = self.sweep(LONG).read_bytes()
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                (self.folder / "out.h5").unlink()
                with self.start(self.write(LONG), "-j", "2") as process:
                    children = self.wait_for_children(process, 2)
                    for pid in (*children, process.pid):
                        with contextlib.suppress(ProcessLookupError):  # a point that is just done
                            os.kill(pid, number)
                    process.communicate(timeout=60)
                self.assertEqual(process.returncode, -number)
                self.assertEqual(self.sweep(LONG, "--resume").read_bytes(), whole)

    def test_a_worker_that_dies_is_no_point_s(self):
        # Expect a sweep whose worker is killed, as by a system short of memory, to end with what
        # was done in its journal, and to go on from there to the file of a sweep left alone.
        text = LONG.replace("grid: {", "zip: {workload.requests: [2000, 200000], ")
        whole = self.sweep(text).read_bytes()
        (self.folder / "out.h5").unlink()
        with self.start(self.write(text), "-j", "1") as process:
            journal = self.folder / "out.h5.journal"
            deadline = time.monotonic() + 60
            while not journal.exists() or journal.stat().st_size == 0:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.002)
            os.kill(self.wait_for_children(process, 1)[0], signal.SIGKILL)
            _, stderr = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"worker died of signal 9 (Killed); points done: 1; go on with --resume",
                      stderr)
        self.assertFalse((self.folder / "out.h5").exists())
        self.assertEqual(self.sweep(text, "--resume").read_bytes(), whole)

    def test_progress_on_a_terminal(self):
        # Expect a bar that counts points on a terminal.
        sweep = self.write(LONG.replace("[1, 2]", "[1, 2, 3, 4]"))
        command = [self.program, "sweep", str(sweep), "-j", "1", "-o", str(self.folder / "out.h5")]
        shown = shown_on_terminal(lambda terminal: subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=terminal, env=ENVIRONMENT, timeout=120,
            check=True))
        self.assertRegex(shown, r"\[=*>? *\] +\d+%  [123] points  [\d.]+/s  .* left")


class Messages(SweepTest):
    def test_wrong_use(self):
        # Expect exit code 2 and what is wrong.
        for arguments, message in (
            (["sweep"], "which sweep?"),
            (["sweep", "a.yaml", "b.yaml"], "one sweep at a time: what is 'b.yaml'?"),
            (["sweep", "a.yaml", "-j", "0"], "-j takes a number from 1"),
            (["sweep", "a.yaml", "--shard", "3/2"], "K from 1 to N, not '3/2'"),
            (["sweep", "a.yaml", "--shard", "1"], "K from 1 to N, not '1'"),
            (["sweep", "a.yaml", "--frobnicate"], "unknown option '--frobnicate'"),
            (["merge", "out.h5"], "the parts to join"),
        ):
            with self.subTest(arguments=arguments):
                done = self.tandem(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)

    def test_mistakes_in_the_sweep(self):
        # Expect exit code 3, where the mistake is and what it is, before anything runs.
        curves = "curves: {load: workload.arrivals.rate, from: 1 /s, to: 9 /s}\n"
        for text, message in (
            ("grid: {layout.tensor_paralel: [1, 2]}\n", "did you mean 'tensor_parallel'?"),
            ("grid: {layout.tensor_parallel: [1, x]}\n", "sweep.yaml:10:36: 'tensor_parallel' must be"),
            ("grid: {layout.tensor_parallel: 4}\n", "must be a list of values, not '4'"),
            ("grid: {layout.tensor_parallel: []}\n", "not an empty one"),
            ("grid: {a..b: [1]}\n", "a key in 'a..b' is empty"),
            ("zip: {run.seed: [1, 2], layout.tensor_parallel: [1]}\n", "this one has 1 values, the first 2"),
            ("variants: {a: 4}\n", "a variant must be a mapping"),
            ("variants: {a: {run.seed: 1}}\ngrid: {run.seed: [1, 2]}\n", "'run.seed' is set by two axes"),
            ("grid: {workload.arrivals.rate: [1 /s]}\n" + curves, "leave one of them out"),
            ("curves: {load: run.seed, from: 1, to: 2}\n", "'load' must be workload.arrivals.rate"),
            ("curves: {load: workload.arrivals.rate, from: 3 /s, to: 2 /s}\n", "'to' must be above 'from'"),
            ("curves: {load: workload.arrivals.rate, from: 3, to: 2 /s}\n", "has no unit"),
            ("gird: {run.seed: [1]}\n", "did you mean 'grid'?"),
            ("grid: {layout.replicas: [1, 2, 3, 2]}\n",
             "sweep.yaml:10:35: 'layout.replicas' lists '2' twice"),
            ("grid: {workload.arrivals.rate: [1 /s, 1 /s]}\n",
             "sweep.yaml:10:39: 'workload.arrivals.rate' lists '1 /s' twice"),
            ("grid: {model: [{base: models/llama-3.1-8b, weights: fp8}, {base: models/llama-3.1-8b,"
             " weights: fp8}]}\n", "lists '{base: models/llama-3.1-8b, weights: fp8}' twice"),
            ("variants: {'': {run.seed: 1}}\n", "sweep.yaml:10:12: a name must not be empty"),
            ('variants: {"a\\tb": {run.seed: 1}}\n', "a name must be on one line, without tabs"),
            ('variants: {"a\\nb": {run.seed: 1}}\n', "a name must be on one line, without tabs"),
            ("name: ../evil\n", "sweep.yaml:10:7: 'name' is the output's too: it must have no '/'"),
            (f"grid: {{run.seed: {list(range(200))}, layout.replicas: {list(range(1, 200))}}}\n",
             "more than 20000 points"),
        ):
            with self.subTest(text=text):
                path = self.folder / "out.h5"
                done = self.tandem("sweep", self.write(SCENARIO.replace("REQUESTS", "9") + text),
                                   "-o", path)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn(message, done.stderr)
                self.assertFalse(path.exists())

    def test_all_mistakes_of_the_axes_are_told(self):
        # Expect every value that is wrong, wherever it stands in its list, once and in order; also
        # of a load, and where loads are found, without words on the scenario that misses one.
        listed = ("variants:\n  a: {}\n  b: {engine.policy: fast}\n"
                  "grid:\n  engine.max_step_tokens: [0, 512, foo]\n"
                  "  workload.arrivals.rate: [1 /s, 2]\n  run.seed: [1, x, 3, y]\n")
        found = ("variants:\n  a: {workload.requests: none}\n  b: {engine.policy: fast}\n"
                 "curves: {load: workload.arrivals.rate, from: 1 /s, to: 9 /s}\n")
        scenario = SCENARIO.replace("REQUESTS", "9")
        for text, places in (
                (scenario + listed, ["12:22", "14:28", "14:36", "15:34", "16:17", "16:23"]),
                (scenario.replace("process: poisson, rate: 8 /s", "process: poisson") + found,
                 ["11:26", "12:22"])):
            done = self.tandem("sweep", self.write(text), "-o", self.folder / "out.h5")
            self.assertEqual(done.returncode, 3)
            self.assertEqual(re.findall(r"sweep\.yaml:(\d+:\d+): ", done.stderr), places,
                             done.stderr)

    def test_a_wrong_key_is_told_once(self):
        # Expect a key that there is not to be told where it stands, however many values it has.
        done = self.tandem("sweep", self.write(SCENARIO.replace("REQUESTS", "9")
                                               + "grid: {engine.policyy: [a, b]}\n"),
                           "-o", self.folder / "out.h5")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stderr.count("unknown key 'policyy' in 'engine'"), 1)
        self.assertIn("sweep.yaml:10:8: unknown key", done.stderr)

    def test_input_and_output_failures(self):
        # Expect exit code 4 and the system's words.
        for arguments, message in (
            (["sweep", "/nonexistent.yaml"], "No such file"),
            (["sweep", self.write(GRID), "-o", "/nonexistent/out.h5"], "No such file"),
            (["sweep", self.write(GRID), "-o", self.folder], "not a regular file"),
            (["sweep", self.write(GRID), "-o", self.folder / "new.h5", "--point-files",
              self.write("", "file")], "file: File exists"),
            (["merge", self.folder / "out.h5", "/nonexistent.h5"], "No such file"),
            (["merge", self.folder, self.sweep(GRID)], "not a regular file"),
            (["merge", self.folder / "out.h5", self.write(GRID)], "cannot read"),
        ):
            with self.subTest(arguments=arguments):
                done = self.tandem(*arguments)
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn(message, done.stderr)


    def test_a_point_s_file_that_cannot_be_written(self):
        # Expect a disk's failure to end the sweep with exit code 4, and to be no point's.
        files = self.folder / "files"
        (files / "0000-1.h5").mkdir(parents=True)
        done = self.tandem("sweep", self.write(GRID), "-o", self.folder / "out.h5",
                           "--point-files", files)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, "0000-1.h5: it is not a regular file; (points done: [1-9]|no "
                                      "point was done)")
        self.assertFalse((self.folder / "out.h5").exists())


class Examples(SweepTest):
    def test_the_shipped_sweeps_run(self):
        # Expect each of them to run, on fewer requests than it asks for, without a failed point.
        for path in sorted((ROOT / "configs" / "sweeps").glob("*.yaml")):
            with self.subTest(path=path):
                output = self.folder / "out.h5"
                self.tandem_ok("sweep", path, "-o", output, "--set", "run.duration=100 s")
                self.assertEqual(set(frame(output)["status"]), {"done"})


if __name__ == "__main__":
    main()
