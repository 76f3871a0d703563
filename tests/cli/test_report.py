#!/usr/bin/python3
"""tandem report: does the page say what the file holds, and does it work in a browser, offline?"""

import html
import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import h5py
import numpy

import browser
from tandem_cli import ENVIRONMENT, ROOT, SCENARIO, SMALL, TandemTest, main

DYGRAPHS = Path("/usr/share/javascript/dygraphs/dygraph.min.js")

SWEEP = """
name: small
scenario:
  base: scenarios/default
  workload:
    trace: null
    arrivals: {process: poisson, rate: 8 /s}
    requests: 600
    input_tokens: 512
    output_tokens: 20
variants:
  TP=8: {layout.tensor_parallel: 8, layout.pipeline_parallel: 1}
  TP=4 x PP=2: {layout.tensor_parallel: 4, layout.pipeline_parallel: 2}
grid:
  workload.arrivals.rate: [1 /s, 2 /s, 28 /s]
"""

# Few requests a point, and a wall that is far off: nearly every load but the lowest is untold.
UNTOLD = """
name: untold
scenario:
  base: scenarios/default
  model: models/llama-3.1-8b
  workload:
    trace: null
    arrivals: {process: poisson, rate: 10 /s}
    requests: 1000
    input_tokens: {distribution: lognormal, mean: 800, cv: 1, max: 8000}
    output_tokens: {distribution: lognormal, mean: 100, cv: 1, max: 800}
variants:
  TP1: {layout.tensor_parallel: 1, layout.pipeline_parallel: 1, engine.max_step_tokens: 4096}
  PP2: {layout.tensor_parallel: 1, layout.pipeline_parallel: 2, engine.max_step_tokens: 512}
curves: {load: workload.arrivals.rate, from: 5 /s, to: 200 /s, points: 8}
"""

CLOSED = """
name: closed
scenario:
  base: scenarios/default
  model: models/llama-3.1-8b
  layout: {tensor_parallel: 1, pipeline_parallel: 1}
  workload: {trace: null, arrivals: {process: closed_loop, concurrency: 1}, requests: 300,
             input_tokens: 500, output_tokens: 50}
variants:
  "H100 at $2 & A100 at $1": {cluster: clusters/hgx-h100}
  "50$_% $": {cluster: clusters/hgx-a100}
grid:
  workload.arrivals.concurrency: [1, 8, 64]
"""

NEAR = """
name: near
scenario:
  base: scenarios/default
  model: models/llama-3.1-8b
  layout: {tensor_parallel: 1, pipeline_parallel: 1}
  workload: {trace: null, arrivals: {process: poisson, rate: 5 /s}, requests: 300,
             input_tokens: 500, output_tokens: 50}
grid: {engine.max_step_tokens: [256, 1024, 4096]}
"""

POOLS = """
scenario: {base: scenarios/70b-disaggregated, layout: {kv_transfer: whole}, run: {duration: 2 min}}
variants:
  H200: {layout.pools.decode.gpu: gpus/h200-sxm}
  TP=4: {layout.pools.decode.tensor_parallel: 4}
"""

PLAN = """
name: small plan
scenario:
  base: scenarios/default
  workload:
    trace: null
    arrivals: {process: poisson, rate: 9 /s}
    requests: 600
    input_tokens: {distribution: lognormal, mean: 1024, cv: 0.9, max: 4096}
    output_tokens: {distribution: lognormal, mean: 128, cv: 0.9, max: 1024}
  slo: {ttft: 900 ms, tpot: 60 ms, percentile: 95}
clusters:
  - clusters/hgx-h100-2-nodes
  - {cluster: clusters/hgx-h200-2-nodes, name: "<cheap> & bought", purchase: {node: 250000 USD}}
ownership: {years: 4, electricity: 0.08 USD/kWh}
tensor_parallel: [3, 4, 8]  # three do not divide the heads
pipeline_parallel: [1]
search: {}
limits: {nodes: 3}
seeds: 2
"""


@unittest.skipUnless(DYGRAPHS.exists(), "libjs-dygraphs is not installed: no report is made")
class ReportTest(TandemTest):
    def report_of_run(self, *options, timeline="steps", scenario=SCENARIO):
        """A small run's file and the path of its report."""
        results, page = self.folder / "run.h5", self.folder / "run.html"
        self.tandem_ok("run", scenario, *SMALL, "-o", results, "--timeline", timeline)
        self.tandem_ok("report", results, *options)
        return results, page

    def report_of_sweep(self, text=SWEEP):
        sweep = self.folder / "small.yaml"
        sweep.write_text(text)
        results, page = self.folder / "small.h5", self.folder / "page.html"
        self.tandem_ok("sweep", sweep, "-o", results)
        self.tandem_ok("report", results, "-o", page)
        return results, page

    def report_of_plan(self, text=PLAN, *options):
        plan = self.folder / "plan.yaml"
        plan.write_text(text)
        results, page = self.folder / "plan.h5", self.folder / "plan.html"
        self.assertIn(self.tandem("plan", plan, "-o", results, *options).returncode, (0, 1))
        self.tandem_ok("report", results)
        return results, page

    @staticmethod
    def charts(page):
        """The data in a page."""
        data = re.search(r'<script type="application/json" id="data">(.*?)</script>',
                         page.read_text(), re.DOTALL)
        return json.loads(data[1])


class Report(ReportTest):
    def test_page_is_one_file(self):
        # Expect no reference to anything outside the page.
        for _, page in (self.report_of_run(), self.report_of_sweep(), self.report_of_plan()):
            text = page.read_text()
            self.assertEqual(re.findall(r'<(?:script|img|iframe)[^>]* src=', text), [])
            self.assertEqual(re.findall(r'<link[^>]* href="(?!data:,")', text), [])
            self.assertEqual(re.findall(r"@import|sourceMappingURL", text), [])

    def test_run_says_the_answer_first(self):
        # Expect the summary's requests/s in the first paragraph, the SLO's verdict with it.
        results, page = self.report_of_run()
        with h5py.File(results, "r") as file:
            summary = dict(file["summary"].attrs)
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertIn(f"{summary['requests_per_s']:.3g} requests/s on 8 GPUs", answer)
        self.assertIn("SLO is met" if summary["slo.met"] else "SLO is missed", answer)

    def test_run_has_every_section(self):
        _, page = self.report_of_run()
        headings = re.findall(r"<h2>(.*?)</h2>", page.read_text())
        for heading in ("What was asked", "How long requests took", "Where the time goes",
                        "The pipeline at work", "The run from end to end", "Memory of a GPU",
                        "Busiest links", "Assumptions and where they come from"):
            self.assertIn(heading, headings)
        # Expect decoded tokens on an axis of their own: prompts' peaks would press them to 0.
        series = [chart["series"] for chart in self.charts(page) if "series" in chart]
        self.assertIn(["prefilled"], series)
        self.assertIn(["decoded"], series)

    def test_latencies_leave_the_warm_up_out(self):
        # Expect the chart to be of the requests that the summary counts, also of one that arrives
        # just as the warm-up ends: its ends and middles are the table's.
        results, page = self.folder / "run.h5", self.folder / "run.html"
        self.tandem_ok("run", SCENARIO, *SMALL, "--set", "workload.arrivals="
                       "{process: constant, rate: 8 /s}", "--set", "run.warmup=20.25 s", "-o", results)
        self.tandem_ok("report", results)
        with h5py.File(results) as file:
            summary = dict(file["summary"].attrs)
        self.assertEqual((summary["requests.warmup"], summary["requests.arrived"]), (161, 39))
        chart = next(chart for chart in self.charts(page) if "Latency" in chart.get("title", ""))
        rows = chart["views"][0]["rows"]
        for name, row in (("p50", next(row for row in rows if row[0] == 50)), ("max", rows[-1])):
            shown = dict(zip(chart["series"], row[1:]))
            for latency in ("ttft", "e2e"):
                self.assertAlmostEqual(shown[latency.upper()] / summary[f"{latency}_s.{name}"], 1, 6)
        self.assertIn("requests are left out: 161.", page.read_text())

    def test_what_was_asked_has_the_defaults(self):
        # Expect what the scenario leaves to its defaults to be named as it was simulated: the
        # engine's batching, and the eight GPUs of an HGX server.
        scenario = self.folder / "short.yaml"
        scenario.write_text(
            "base: scenarios/default\n"
            "cluster: {base: clusters/hgx-h100, name: mine, form: hgx, gpus_per_node: null}\n"
            "engine: {policy: null, max_step_tokens: null, max_sequences: null}\n")
        _, page = self.report_of_run(scenario=scenario)
        text = page.read_text()
        self.assertIn("<td>mine: 1 × 8 H100-SXM</td>", text)
        self.assertIn("<td>chunked_prefill, at most 2048 tokens a step and 256 sequences</td>", text)

    def test_what_was_asked_has_all_that_was(self):
        # Expect what makes this run another than one with the same layout and rate: experts whole on
        # GPUs and how unevenly, the KV's format, bursts, and how long requests are.
        scenario = self.folder / "experts.yaml"
        scenario.write_text(
            "base: scenarios/moe-expert-parallel\nmodel: {kv: fp8}\n"
            "layout: {expert_imbalance: 1.3, sequence_parallel: true}\n"
            "workload: {trace: null, arrivals: {process: gamma, rate: 4 /s, cv: 2}, requests: 50,\n"
            "  input_tokens: {distribution: lognormal, mean: 2000, cv: 1, max: 16000},\n"
            "  output_tokens: 7}\n")
        results, page = self.folder / "run.h5", self.folder / "run.html"
        shown = self.tandem_ok("run", scenario, "-o", results)
        self.tandem_ok("report", results)
        text = page.read_text()
        parallel = re.search(r" TP=(\d) x PP=1, EP=\1, sequence parallel, \1 GPUs", shown)[1]
        for name, value in (
                ("layout", f"TP={parallel} × PP=1, EP={parallel} (its busiest GPU 1.3 times the mean), "
                           f"sequence parallel on {parallel} GPUs"),
                ("load", "50 requests, gamma 4 /s, cv 2"),
                ("input tokens", "lognormal: mean 2000, cv 1, max 16000"),
                ("output tokens", "7")):
            self.assertIn(f"<td>{name}</td><td>{value}</td>", text)
        self.assertRegex(text, r"<td>model</td><td>[^<]*, KV fp8</td>")

    def test_prefixes_are_shown_where_they_are_looked_for(self):
        # Expect how many there are, how long, and the share that the run's own summary says; nothing
        # of a load that does not tell any.
        results, page = self.folder / "run.h5", self.folder / "run.html"
        shown = self.tandem_ok("run", "scenarios/70b-prefixes", "--set", "workload.requests=100", "-o", results)
        self.tandem_ok("report", results)
        share = re.search(r"prefixes +(\S+) of the input tokens were found", shown)[1]
        self.assertIn(f"<td>prefixes</td><td>20 of 2048 tokens; {share} of the input tokens were found "
                      "in KV</td>", page.read_text())
        _, page = self.report_of_run()
        self.assertNotIn("found in KV", page.read_text())

    def test_assumptions_name_their_sources(self):
        # Expect the GPU's bandwidth beside its datasheet, and a value of --set beside nothing.
        results, page = self.report_of_run()
        text = page.read_text()
        self.assertRegex(text, r"memory_bandwidth: 3350 GB/s</code></td><td>NVIDIA H100 datasheet")
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", results, "--set",
                       "cluster.gpu.memory_bandwidth=1234 GB/s")
        self.tandem_ok("report", results)
        self.assertRegex(page.read_text(), r"memory_bandwidth: 1234 GB/s</code></td><td></td>")

    def test_timeline_shows_the_spans_of_the_window(self):
        # Expect the file's steps, sends and idle times that touch 2 s to 2.5 s, no others.
        results, page = self.report_of_run("--window", "2s,2.5s")
        timeline = next(chart for chart in self.charts(page) if "gantt" in chart)
        with h5py.File(results, "r") as file:
            spans = file["spans"][:]
        ends_ps = spans["start_ps"] + spans["duration_ps"]
        inside = (spans["start_ps"] < 2.5e12) & (ends_ps > 2e12)
        self.assertGreater(inside.sum(), 10)
        self.assertEqual(len(timeline["gantt"]), inside.sum())
        self.assertEqual((timeline["start"], timeline["length"]), (2, 0.5))

    def test_run_with_pools(self):
        # Expect both pools' GPUs counted, 2 x 4 and 8 at one price, and every bar, row and
        # question to say which pool it is of.
        results, page = self.report_of_run(scenario="scenarios/70b-disaggregated")
        text = page.read_text()
        with h5py.File(results, "r") as file:
            tokens_per_s = file["summary"].attrs["output_tokens_per_s"]
        self.assertIn("requests/s on 16 GPUs", text)
        self.assertIn(f"<b class=\"short\">${16 * 2.69 / 3600 / tokens_per_s * 1e6:,.2f}</b>", text)
        names = ["prefill 0, stage 0", "prefill 1, stage 0", "decode, stage 0"]
        self.assertEqual(re.findall("<label>(.*? stage .*?)</label>", text),
                         names + ["prefill, stage 0", "decode, stage 0"])
        timeline = next(chart for chart in self.charts(page) if "gantt" in chart)
        self.assertEqual([name for _, _, name in timeline["stages"]], names)
        self.assertIn("<td>prefill layout</td><td>TP=4 × PP=1, 2 replicas on 8 GPUs", text)
        self.assertIn("<td>prefill batching</td><td>chunked_prefill, at most 8192 tokens", text)
        self.assertIn("<h2>KV from pool to pool</h2>", text)

    def test_run_with_faults(self):
        # Expect what was asked to name each fault, with its times.
        _, page = self.report_of_run(scenario="scenarios/70b-node-down")
        text = page.read_text()
        self.assertIn("<td>GPU 3 1.5 times slower from 5 min to 10 min</td>", text)
        self.assertIn("<td>node 1 down from 15 min to 20 min</td>", text)

    def test_window_after_the_run(self):
        # Expect a sentence in place of an empty timeline.
        _, page = self.report_of_run("--window", "9000s,9001s")
        self.assertIn("Nothing was recorded from 9000 s to 9001 s: the run took", page.read_text())
        self.assertFalse(any("gantt" in chart for chart in self.charts(page)))

    def test_a_window_needs_a_timeline(self):
        # Expect the exit code for misuse and which files have one, of the page and of figures, and
        # nothing written.
        run, sweep = self.folder / "run.h5", self.report_of_sweep()[0]
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", run, "--timeline", "none")
        before = sorted(self.folder.iterdir())
        for results in (run, sweep):
            for program in ([self.program, "report"], [ROOT / "analysis" / "figures.py"]):
                done = subprocess.run([*program, results, "--window", "2s,3s"], env=ENVIRONMENT,
                                      capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("--window goes with the file of a run that kept a timeline",
                              done.stderr)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_run_without_timeline(self):
        # Expect a report all the same, which says how to get the timeline.
        _, page = self.report_of_run(timeline="none")
        self.assertEqual(page.read_text().count("--timeline steps"), 1)
        self.assertFalse(any("gantt" in chart for chart in self.charts(page)))

    def test_sweep_names_the_best_layout(self):
        # Expect the series with most requests/s within the SLO in the first paragraph, and every
        # point of the file in the throughput chart.
        results, page = self.report_of_sweep()
        with h5py.File(results, "r") as file:
            points = file["points"][:]
        good = points[points["slo.met"] & (points["balance"] == b"kept_up")]
        best = good[good["requests_per_s"].argmax()]["curve"].decode()
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertTrue(answer.startswith(best), answer)
        chart = next(chart for chart in self.charts(page) if "Throughput" in chart.get("title", ""))
        self.assertEqual(chart["series"], ["TP=8", "TP=4 x PP=2"])
        values = [value for row in chart["views"][0]["rows"] for value in row[1:] if value]
        self.assertEqual(sorted(values), sorted(points["output_tokens_per_s"]))

    def test_a_sweep_that_does_not_tell_names_no_best(self):
        # Expect no series to be called best where another, had its runs been longer, might be: the
        # answer says what is known and of whom it is not, and the table that the wall is somewhere
        # between.
        results, page = self.report_of_sweep(UNTOLD)
        with h5py.File(results) as file:
            points = file["points"][:]
        good, untold = (points[points["slo.met"] & (points["balance"] == balance)]
                        for balance in (b"kept_up", b"too_short"))
        known = {name: (rows["offered_requests_per_s"] / rows["gpus"]).max()
                 for name in (b"TP1", b"PP2") for rows in [good[good["curve"] == name]]}
        rows = untold[untold["curve"] == b"TP1"]
        self.assertGreater(known[b"PP2"], known[b"TP1"])
        self.assertGreater((rows["offered_requests_per_s"] / rows["gpus"]).max(), known[b"PP2"])
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertRegex(answer, r"^Which series serves most per GPU within the SLO .* is not known: "
                                 rf"PP2 is known to serve {2 * known[b'PP2']:.3g} requests/s on 2 "
                                 r"GPUs, but TP1 may serve more, which runs of about [\d,]+ requests "
                                 r"would show\.$")
        self.assertIn("<span>most that is known</span>", page.read_text())
        saturated = points[points["balance"] == b"saturated"]["offered_requests_per_s"].min()
        self.assertEqual(page.read_text().count(f"<td>≤ {saturated:.0f}</td>"), 2)

    def test_a_sweep_of_equals_ranks_none(self):
        # Expect series that serve the same, for none was offered more, to be called equal.
        _, page = self.report_of_sweep(re.sub("variants:.*", "grid: {engine.max_step_tokens: "
                                              "[1024, 2048, 4096]}\n", SWEEP, flags=re.DOTALL)
                                       .replace("rate: 8 /s", "rate: 1 /s"))
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertRegex(answer, r"^max_step_tokens=1024, max_step_tokens=2048 and max_step_tokens=4096"
                                 r" serve the same, and most within the SLO .*: [\d.]+ requests/s on 8 "
                                 r"GPUs each; higher loads may tell them apart\.$")
        self.assertIn("<span>one of 3 equals</span>", page.read_text())

    def test_a_sweep_says_what_was_run(self):
        # Expect every number of the headline to be of one point, the highest load tried that is
        # within the SLO, and what lies between it and the next to be a range.
        results, page = self.report_of_sweep(CLOSED)
        with h5py.File(results) as file:
            points = file["points"][:]
        loads = points["workload.arrivals.concurrency"]
        self.assertEqual(list(points["slo.met"]), list(loads < 64))
        best = points[(loads == 8) & (points["variant"] == b"H100 at $2 & A100 at $1")][0]
        text = page.read_text()
        tiles = dict((name, value) for value, name in re.findall(
            r'<b class="\w+">([^<]*)</b><span>([^<]*)</span>', text))
        self.assertEqual(tiles["requests/s"], f"{best['requests_per_s']:.3g}")
        self.assertEqual(tiles["output tokens/s"], f"{best['output_tokens_per_s']:.0f}")
        self.assertEqual(text.count("<td>8 to 64</td>"), 2)
        self.assertEqual(text.count("<small>at 8 in flight</small>"), 2)

    def test_a_sweep_pays_for_every_gpu(self):
        # Expect a point to be priced by its own GPUs, eight that prefill, and eight of another
        # kind that decode or four of the same, and by the tokens that it serves for good.
        sweep = self.folder / "pools.yaml"
        sweep.write_text(POOLS)
        results = self.folder / "pools.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        self.tandem_ok("report", results, "-o", self.folder / "page.html")
        with h5py.File(results) as file:
            points = file["points"][:]
        dollars = [8 * 2.69 + 8 * 3.59, 8 * 2.69 + 4 * 2.69]
        numpy.testing.assert_allclose(points["usd_per_hour"], dollars)
        per_million = dollars / points["lasting_tokens_per_s"] / 3600 * 1e6
        text = (self.folder / "page.html").read_text()
        shown = re.findall(r"<td>\$([\d.]+)</td>", text)
        self.assertEqual(sorted(shown), sorted(f"{usd:.2f}" for usd in per_million))
        # And what each serves to be what arrives: both keep up.
        self.assertEqual(set(points["balance"]), {b"kept_up"})
        for point in points:
            self.assertIn(f"<td>{point['offered_requests_per_s']:.3g}</td>", text)
            self.assertLess(point["requests_per_s"], 0.99 * point["offered_requests_per_s"])

    def test_memory_of_a_sweep_is_one_stage_s(self):
        # Expect a stage's parts, and so no more than 90% of the 80 GiB that a GPU has;
        # here, where stages differ in what they hold, all of that.
        sweep = self.folder / "deep.yaml"
        sweep.write_text(SWEEP.replace("variants:", "variants:\n  PP=8: {layout.tensor_parallel: 1, "
                                       "layout.pipeline_parallel: 8}"))
        results = self.folder / "deep.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        with h5py.File(results) as file:
            points = file["points"][:]
        for point in points:
            parts = sum(point[f"memory.{part}_bytes"]
                        for part in ("weights", "activation", "reserve", "kv"))
            self.assertAlmostEqual(parts / (0.9 * 80 * 2 ** 30), 1, places=3)

    def test_plan_says_the_answer_first(self):
        # Expect what to get, how many GPUs and the cost in the first paragraph, as in the file; a
        # kind's name with markup in it to be shown as it is.
        results, page = self.report_of_plan()
        with h5py.File(results, "r") as file:
            plans = file["plans"][:]
        best = plans[plans["rank"] == 1][0]
        self.assertEqual(best["kind"], b"<cheap> & bought")
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertIn(f"Buy {best['billed_gpus']} GPUs: {best['replicas']} x "
                      f"TP={best['tensor_parallel']} on &lt;cheap&gt; &amp; bought", answer)
        self.assertIn(f"${best['usd_per_hour']:,.2f} an hour", answer)

    def test_plan_says_what_the_text_does(self):
        # Expect the price to buy and the racks of each plan, how far growth is not known, and the
        # kinds whose prompts may take longer.
        plan = PLAN.replace("requests: 600", "requests: 300").replace(
            "- clusters/hgx-h100-2-nodes", "- clusters/hgx-a100-2-nodes")
        results, page = self.report_of_plan(plan + "rack: {gpus: 16}\n")
        text = page.read_text()
        with h5py.File(results) as file:
            plans, growth = file["plans"][:], file["growth"][:]
            self.assertEqual(file["summary"].attrs["uncapped"], "hgx-a100-2-nodes")
        best = plans[plans["rank"] == 1][0]
        self.assertIn(f'<b class="short">${best["purchase_usd"]:,.0f}</b><span>to buy</span>', text)
        several = "s" if best["racks"] > 1 else ""
        self.assertRegex(text, rf"<small>{best['gpus']} in use, {best['nodes']} nodes?, "
                               rf"{best['racks']} rack{several}</small>")
        for row in plans[plans["rank"] > 0]:
            bought = f"${row['purchase_usd']:,.0f}" if row["purchase_usd"] > 0 else "rented"
            self.assertIn(f"<td>{row['billed_gpus']}</td><td>{row['racks']}</td><td>{bought}</td>",
                          text)
        self.assertIn(b"too_short", growth[growth["rank"] == 1]["outcome"])
        self.assertRegex(text, r"<span>growth</span><small>up to this traffic it holds; "
                               r"([\d.]+ to [\d.]+ not known|not known beyond)</small>")
        self.assertIn("prompts may take longer on hgx-a100-2-nodes: their GPUs&#x27; power limit is "
                      "not counted", text)

    def test_plan_has_every_section(self):
        # Expect a warning where runs were too short to tell, the ranked plans, why each other loses,
        # the bounds on growth, headroom against cost for every kind, and every load of the file in
        # the growth chart that kept up; those too short to tell break its lines.
        results, page = self.report_of_plan()
        text = page.read_text()
        headings = re.findall(r"<h2>(.*?)</h2>", text)
        with h5py.File(results, "r") as file:
            warned = ["Warnings"] if file["summary"].attrs["untold"] > 0 else []
        self.assertEqual(headings, [*warned, "The plans that meet it", "What breaks first",
                                    "What headroom costs", "Why not the others", "How it was found",
                                    "What was asked", "Assumptions and where they come from"])
        with h5py.File(results, "r") as file:
            growth, plans = file["growth"][:], file["plans"][:]
        for row in plans[plans["rank"] == 0]:
            if row["state"] == b"ruled_out":
                self.assertIn(html.escape(row["why"].decode()), text)
        cost, = (chart for chart in self.charts(page) if chart["title"] == "Headroom against cost")
        self.assertEqual(set(cost["series"]), {"hgx-h100-2-nodes", "<cheap> & bought"})
        curves, = (chart for chart in self.charts(page)
                   if chart["title"] == "Latency as traffic grows")
        whole = growth[growth["nodes_lost"] == 0]
        kept_up = whole[~numpy.isin(whole["outcome"], (b"saturated", b"too_short"))]
        values = [value for row in curves["views"][0]["rows"] for value in row[1:] if value]
        self.assertEqual(values.count("NaN"), sum(whole["outcome"] == b"too_short"))
        self.assertEqual(sorted(value for value in values if value != "NaN"),
                         sorted(kept_up["ttft_s"]))

    def test_plan_says_what_a_lost_node_leaves(self):
        # Expect a row for the loss of a node whatever is left, as the JSON has it. Of a replica over
        # both nodes of a plan that is nothing; of one beside a node that is empty, all.
        plan = PLAN.replace("tensor_parallel: [3, 4, 8]  # three do not divide the heads",
                            "tensor_parallel: [8]").replace("requests: 600", "requests: 100")
        plan = plan.replace("rate: 9 /s", "rate: 2 /s")
        results, page = self.report_of_plan(
            plan.replace("pipeline_parallel: [1]", "pipeline_parallel: [2]"))
        with h5py.File(results) as file:
            plans, growth = file["plans"][:], file["growth"][:]
        self.assertEqual({*plans[plans["rank"] > 0]["nodes"]}, {2})
        lost = growth[growth["nodes_lost"] > 0]
        self.assertEqual([*lost["replicas"]], [0] * (plans["rank"] > 0).sum())
        self.assertTrue(numpy.isnan(lost["ttft_s"]).all())
        self.assertIn("<td>nothing is left</td>", page.read_text())
        self.assertNotIn("all replicas fit", page.read_text())
        results, page = self.report_of_plan(
            plan, "--check", "--set", "cluster=clusters/hgx-h100-4-nodes", "--set", "layout.replicas=3",
            "--set", "layout.pipeline_parallel=1", "--set", "layout.tensor_parallel=8")
        with h5py.File(results) as file:
            growth = file["growth"][:]
        self.assertEqual([*growth[growth["nodes_lost"] > 0]["replicas"]], [3])
        self.assertEqual((growth["load"] == 1).sum(), 2)
        self.assertIn("<td>all replicas fit on the others</td>", page.read_text())

    def test_plan_of_a_closed_loop_says_how_many_are_in_flight(self):
        # Expect the count in the answer and among the assumptions, beside growth, which is rounded:
        # 3 requests 1.5 times are 5, 2 times 0.5 one.
        for asked, growth, in_flight in ((3, 1.5, "5 requests"), (2, 0.5, "1 request")):
            _, page = self.report_of_plan(PLAN.replace(
                "{process: poisson, rate: 9 /s}", f"{{process: closed_loop, concurrency: {asked}}}")
                .replace("requests: 600", "requests: 100") + f"growth: {growth}\n")
            text = page.read_text()
            answer = re.search(r'<p class="answer">(.*?)</p>', text)[1]
            self.assertIn(f"serves {in_flight} in flight of ", answer)
            self.assertRegex(text, rf"<td>{in_flight} in flight of [^<]* out, growth {growth}, in "
                                   "whole requests</td>")
        _, page = self.report_of_plan()
        self.assertIn("out, 1 times the scenario&#x27;s load</td>", page.read_text())

    def test_plan_accounts_for_every_candidate(self):
        # Expect the fates of candidates to add up to all of them, and what decides whether one
        # meets the SLO to be its share of requests at the interval's lower end.
        results, page = self.report_of_plan()
        text = page.read_text()
        with h5py.File(results, "r") as file:
            count = len(file["plans"])
        fates = re.search(rf"Of {count} candidates (.*?)\.</p>", text)[1]
        self.assertEqual(sum(map(int, re.findall(r"(?:^|, )(\d+) ", fates))), count, fates)
        self.assertRegex(text, r"share of requests within the SLO less the headroom is no less than "
                               r"95% at the interval&#x27;s lower end")

    def test_plan_of_short_runs(self):
        # Expect words for what is too short to tell, with a gap in the lines, and none of the names
        # that programs read but the warning's.
        results, page = self.report_of_plan(PLAN.replace("requests: 600", "requests: 200"))
        text = page.read_text()
        with h5py.File(results, "r") as file:
            growth = file["growth"][:]
        self.assertIn(b"too_short", growth["outcome"])
        self.assertIn("which longer runs would show", text)
        self.assertRegex(text, r"not known(</td>| beyond)")
        self.assertEqual(re.findall(r"<td>[^<]*too_short[^<]*</td>", text), [])

    def test_plan_without_an_answer(self):
        # Expect a page all the same, which says what excludes all.
        _, page = self.report_of_plan(PLAN.replace("tpot: 60 ms", "tpot: 1 ms"))
        answer = re.search(r'<p class="answer">(.*?)</p>', page.read_text())[1]
        self.assertIn("Nothing within the limits serves", answer)
        self.assertIn("of 6 candidates 4 miss the TPOT, 2 cannot be cut so.", answer)

    def test_names_are_no_markup(self):
        # Expect a name with markup in it to be shown as it is.
        results = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", results, "--set",
                       'name="</script><b>bold & cheap</b>"')
        self.tandem_ok("report", results)
        text = (self.folder / "run.html").read_text()
        self.assertEqual(re.search("<h1>(.*)</h1>", text)[1],
                         "&lt;/script&gt;&lt;b&gt;bold &amp; cheap&lt;/b&gt;")
        self.assertEqual(text.count("<b>bold"), 0)

    def test_mistakes(self):
        # Expect the file, the reason and the documented exit codes, and no half-written page.
        text = self.folder / "text.h5"
        text.write_text("not HDF5")
        empty = self.folder / "empty.h5"
        h5py.File(empty, "w").close()
        run = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", run)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for arguments, exit_code, words in (
            ([self.folder / "none.h5"], 4, "none.h5: No such file or directory\n"),
            ([text], 4, "text.h5"),
            ([empty], 4, "holds no run, sweep or plan"),
            ([], 2, "usage: tandem report"),
            ([text, "--window", "3"], 2, "two times"),
            ([run, "-o", pipe], 4, f"cannot write {pipe}: it is not a regular file"),
        ):
            done = self.tandem("report", *arguments)
            self.assertEqual(done.returncode, exit_code, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(sorted(self.folder.iterdir()), [empty, pipe, run, text])
        self.assertTrue(pipe.is_fifo())

    def test_files_that_are_not_as_they_were_written(self):
        # Expect the file, what is the matter with it and the exit code for I/O, of the page and of
        # figures alike: a summary as an older version wrote it, a column of another kind, and bytes
        # that were overwritten.
        def without_nodes(file):
            del file["summary"].attrs["nodes.gpus"]

        def with_words(file):
            rows = file["requests"][:]
            kinds = [(name, "S8" if name == "done_s" else rows.dtype[name])
                     for name in rows.dtype.names]
            del file["requests"]
            file["requests"] = rows.astype(kinds)

        def overwritten(file):
            address = h5py.h5o.get_info(file["requests"].id).addr
            path = file.filename
            file.close()
            with open(path, "r+b") as raw:
                raw.seek(address)
                raw.write(b"\xff" * 64)

        for tamper in (without_nodes, with_words, overwritten):
            results = self.folder / f"{tamper.__name__}.h5"
            self.tandem_ok("run", SCENARIO, *SMALL, "-o", results)
            with h5py.File(results, "r+") as file:
                tamper(file)
            done = self.tandem("report", results)
            words = f"{results}: damaged, or not as this version of tandem writes it: "
            self.assertEqual((done.returncode, done.stderr[:len(words) + 15]),
                             (4, "tandem report: " + words), done.stderr)
            drawn = subprocess.run([ROOT / "analysis" / "figures.py", results, "--format", "svg"],
                                   capture_output=True, text=True, timeout=120)
            self.assertNotIn("Traceback", drawn.stderr)

    def test_text_that_is_not_utf_8(self):
        # Expect a name of which a byte was lost to be told as any damage is, and no page.
        sweep, results = self.folder / "sweep.yaml", self.folder / "sweep.h5"
        sweep.write_text("name: caf\u00e9 au lait\nscenario: scenarios/default\n"
                         "grid: {run.seed: [1]}\n", encoding="utf-8")
        self.tandem_ok("sweep", sweep, *SMALL, "-o", results)
        whole = results.read_bytes()
        results.write_bytes(whole.replace("caf\u00e9 au".encode(), b"caf\xc3 cau"))
        self.assertNotEqual(results.read_bytes(), whole)
        done = self.tandem("report", results)
        self.assertEqual(done.returncode, 4)
        self.assertIn(f"tandem report: {results}: damaged, or not as this version", done.stderr)
        self.assertEqual(set(self.folder.iterdir()), {sweep, results})

    def test_run_without_requests(self):
        # Expect a page all the same, with what the summary says.
        results, page = self.report_of_run(timeline="none")
        with h5py.File(results, "r+") as file:
            rows = file["requests"][:0]
            del file["requests"]
            file["requests"] = rows
        self.tandem_ok("report", results)
        self.assertIn("<h2>Where the time goes</h2>", page.read_text())
        self.assertNotIn("<h2>The run from end to end</h2>", page.read_text())

    def test_help_on_a_full_disk(self):
        # Expect the reason and the exit code for I/O, as from the other commands.
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.tandem("report", "--help", stdout=full)
        self.assertEqual((done.returncode, "Traceback" in done.stderr), (4, False), done.stderr)
        self.assertIn("No space left", done.stderr)


class Figures(ReportTest):
    def figures(self, results, *options):
        """Names and contents of the figures that the script draws of a file."""
        stem = self.folder / "figure"
        done = subprocess.run([ROOT / "analysis" / "figures.py", results, "-o", stem, *options],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {Path(path).name: Path(path).read_bytes() for path in done.stdout.split()}

    def test_run(self):
        # Expect a run's three figures in each format.
        results, _ = self.report_of_run()
        names = set(self.figures(results, "--window", "2s,2.1s"))
        self.assertEqual(names, {f"figure-{name}.{suffix}" for suffix in ("svg", "pdf", "png")
                                 for name in ("latency", "stages", "timeline")})

    def test_sweep(self):
        # Expect a sweep's four figures with its layouts' names, and the same bytes again.
        results, _ = self.report_of_sweep()
        figures = self.figures(results, "--format", "svg")
        self.assertEqual(set(figures), {f"figure-{name}.svg" for name in
                                        ("latency", "throughput", "pareto", "stages")})
        for name, figure in figures.items():
            self.assertEqual(figure.count(b">TP=4 x PP=2<"), 1, name)
        self.assertEqual(self.figures(results, "--format", "svg"), figures)

    def test_pareto_of_long_names(self):
        # Expect a legend inside the figure, of the series alone that kept up with their load, and no
        # marker at the axes' top, where half of it would be cut off.
        names = [f"TP=8, max_step_tokens=2048, max_sequences={count}" for count in (1, 64, 128, 256)]
        sweep = self.folder / "long.yaml"
        sweep.write_text(re.sub("variants:.*", "variants:\n" + "".join(
            f'  "{name}": {{layout.tensor_parallel: 8, layout.pipeline_parallel: 1,'
            f" engine.max_sequences: {name.rpartition('=')[2]}}}\n" for name in names), SWEEP,
            flags=re.DOTALL))
        results = self.folder / "long.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        figure = self.figures(results, "--format", "svg", "--only", "pareto")["figure-pareto.svg"]
        drawn = [name for name in names if f">{name}<".encode() in figure]
        self.assertEqual(drawn, names[1:])
        self.assertIn(b">3 of 4 series kept up with their load<", figure)
        plot, legend = figure.decode().split('id="legend_1"')
        width = float(re.search(r'viewBox="0 0 ([\d.]+)', plot)[1])
        samples = [float(x) for x in re.findall(r'<path d="M (-?[\d.]+)', legend)]
        words = [float(x) for x in re.findall(r'<text [^>]* x="(-?[\d.]+)', legend)]
        self.assertGreater(min(samples), 0)
        self.assertLess(max(words) + 3 * len(names[-1]), width)  # letters are wider than 3 points
        frame = re.search(r'id="patch_2">(.*?)z', plot, re.DOTALL)[1]
        top = min(float(y) for y in re.findall(r"[ML] \S+ (\S+)", frame))
        markers = [float(y) for y in re.findall(r'<use [^>]* y="([\d.]+)" style="fill: ', plot)]
        self.assertGreater(min(markers), top + 5)

    def test_names_are_no_formulas(self):
        # Expect names with dollars and what TeX would read between them to be drawn as they are, and
        # loads that were run, not such as lie between.
        results, _ = self.report_of_sweep(CLOSED)
        for name, figure in self.figures(results, "--format", "svg").items():
            text = html.unescape(figure.decode())
            for words in ("H100 at $2 & A100 at $1", "50$_% $"):
                self.assertIn(f">{words}<", text, name)
        latency = self.figures(results, "--format", "svg", "--only", "latency")["figure-latency.svg"]
        self.assertEqual(latency.count(b">8 of 64<"), 2)

    def test_names_break_between_words(self):
        results, _ = self.report_of_sweep(SWEEP.replace("TP=4 x PP=2:", '"sixteen GPUs of an hgx-h100":'))
        figure, = self.figures(results, "--format", "svg", "--only", "stages").values()
        self.assertIn(b">hgx-h100<", figure)

    def test_long_words_break_at_their_hyphens(self):
        # Expect a name of words that are longer than a line to be cut at hyphens, never within what
        # they join, and no line to begin with the comma that ends a word.
        name = "hgx-h100-sxm-two-nodes-of-eight, chunked-prefill-and-more-of-it"
        results, _ = self.report_of_sweep(SWEEP.replace("TP=4 x PP=2:", f'"{name}":'))
        figure, = self.figures(results, "--format", "svg", "--only", "stages").values()
        lines = [line for line in re.findall("<text [^>]*>([^<]*)</text>", figure.decode())
                 if line in name and len(line) > 5]
        self.assertEqual("".join(lines).replace(" ", ""), name.replace(" ", ""))
        for line in lines:
            self.assertLessEqual(len(line), 26)
            self.assertTrue(line.startswith(name[0]) or line[0].isalpha(), line)
            self.assertIn(line[-1], "-,t", line)

    def test_the_stages_say_at_which_load(self):
        results, _ = self.report_of_sweep()
        figure, = self.figures(results, "--format", "svg", "--only", "stages").values()
        self.assertEqual(len(re.findall(rb">at [\d.]+ requests/s<", figure)), 2)

    def test_walls_at_one_load(self):
        # Expect the walls of two curves at one load to share a line: dots of either's colour, none
        # on another's.
        results, _ = self.report_of_sweep(UNTOLD)
        figure, = self.figures(results, "--format", "svg", "--only", "latency").values()
        walls = re.findall(r"stroke-dasharray: 1,4\.3; stroke-dashoffset: (\S+); stroke: (#\w+)",
                           figure.decode())
        self.assertEqual(len(walls), 2 * 2)
        self.assertEqual(len({shift for shift, _ in walls}), 2)
        self.assertEqual(len({colour for _, colour in walls}), 2)

    def test_load_within_the_slo(self):
        # Expect each curve's bar to say the last load before its wall and the last load tried within
        # the SLO, below the first beyond.
        sweep = self.folder / "curves.yaml"
        sweep.write_text(re.sub("grid:.*", "curves: {load: workload.arrivals.rate, from: 1 /s,"
                                " to: 200 /s, points: 12}", SWEEP, flags=re.DOTALL))
        results = self.folder / "curves.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        drawn = self.figures(results, "--format", "svg", "--only", "latency")
        self.assertEqual(list(drawn), ["figure-latency.svg"])
        bars = re.findall(rb">([\d.]+) of ([\d.]+)<", drawn["figure-latency.svg"])
        self.assertEqual(len(bars), 2)
        with h5py.File(results, "r") as file:
            for name, (within, carried) in zip(("TP=8", "TP=4 x PP=2"), bars):
                curve = file["curves"][name]
                points = file["points"][:]
                points = points[points["curve"] == name.encode()]
                beyond = min(points["offered_requests_per_s"][~points["slo.met"]])
                loads = points["offered_requests_per_s"][points["balance"] == b"kept_up"]
                self.assertAlmostEqual(float(carried) / curve["ttft"].attrs["sustained_to"], 1, 2)
                self.assertAlmostEqual(float(within) / max(loads[loads < beyond]), 1, 2)
        # Expect the report to say the same of each.
        self.tandem_ok("report", results)
        page = (self.folder / "curves.html").read_text()
        for name, (within, _) in zip(("TP=8", "TP=4 x PP=2"), bars):
            row = re.search(f"<td>{name}</td><td>8</td><td>([^<]*)</td>", page)[1]
            self.assertAlmostEqual(float(row) / float(within), 1, 2)

    def test_many_series_of_long_names(self):
        # Expect no line of a name beside a bar to be longer than leaves room for the bar, all of
        # each name to be there, and a sample of each curve's line beside its bar, dashed for those
        # after the seventh.
        names = [f"Eight GPUs of one node, chunked prefill, {count} requests a step and quite a lot "
                 "of further words that say nothing" for count in range(16, 25)]
        sweep = self.folder / "long.yaml"
        sweep.write_text(re.sub("variants:.*", "variants:\n" + "".join(
            f'  "{name}": {{engine.max_sequences: {16 + i}}}\n' for i, name in enumerate(names))
            + "grid: {workload.arrivals.rate: [1 /s, 5 /s, 8 /s]}\n", SWEEP, flags=re.DOTALL).replace(
                "  workload:", "  cluster: clusters/pcie-h100\n  workload:"))
        results = self.folder / "long.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        figures = {name: figure.decode() for name, figure in
                   self.figures(results, "--format", "svg").items()}
        for figure in ("latency", "stages"):
            lines = re.findall(r"<text [^>]*>([^<]*)</text>", figures[f"figure-{figure}.svg"])
            parts = [line for line in lines if any(line in name for name in names) and " " in line]
            self.assertGreater(len(parts), 3 * len(names))
            self.assertLessEqual(max(map(len, parts)), 26)
            for name in names:
                self.assertIn(name, " ".join(lines))
        dashed = re.findall("stroke-dasharray: 5.55,2.4", figures["figure-latency.svg"])
        self.assertEqual(len(dashed), 3 * 2, "two curves in two panels, and beside their bars")
        # Expect points too short to tell to be hollow wherever they are drawn.
        with h5py.File(results) as file:
            short = int((file["points"]["balance"] == b"too_short").sum())
        self.assertGreater(short, 0)
        for figure, panels in (("latency", 2), ("throughput", 1)):
            hollow = re.findall(r"<use [^>]*fill: #ffffff", figures[f"figure-{figure}.svg"])
            self.assertEqual(len(hollow), panels * short, figure)
        self.tandem_ok("report", results)
        charts = [chart for chart in self.charts(self.folder / "long.html")
                  if "against load" in chart["title"]]
        self.assertEqual([sum(map(len, chart["hollow"])) for chart in charts], [short, short])

    def test_plan(self):
        # Expect exit code 4 and where a plan's charts are.
        results, _ = self.report_of_plan()
        done = subprocess.run([ROOT / "analysis" / "figures.py", results],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr),
                         (4, f"figures.py: {results}: a plan's charts are in the page that "
                             "`tandem report` makes\n"))

    def test_a_sweep_of_which_nothing_ran(self):
        # Expect a page that says why, as the model does not fit, and of figures exit code 4, that
        # there is none, and none.
        sweep = self.folder / "failed.yaml"
        sweep.write_text(re.sub("  TP=8.*\n", "", SWEEP).replace(
            "parallel: 4, layout.pipeline_parallel: 2", "parallel: 1, layout.pipeline_parallel: 1"))
        results = self.folder / "failed.h5"
        self.tandem_ok("sweep", sweep, "-o", results)
        self.tandem_ok("report", results)
        page = (self.folder / "failed.html").read_text()
        self.assertIn("No point of this sweep could be run.", page)
        self.assertIn("does not fit", page)
        done = subprocess.run([ROOT / "analysis" / "figures.py", results],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("no point of this sweep could be run", done.stderr)

    def test_a_share_of_a_sweep_without_points(self):
        # Expect exit code 4 and that it is such a share, of a page and of figures, for it is tandem's
        # file: of six points the seventh of seven shares has none.
        sweep = self.folder / "small.yaml"
        sweep.write_text(SWEEP)
        results = self.folder / "seventh.h5"
        self.tandem_ok("sweep", sweep, "--shard", "7/7", "-o", results)
        done = self.tandem("report", results)
        self.assertEqual((done.returncode, done.stderr), (
            4, f"tandem report: {results}: part 7/7 of a sweep, without points\n"))
        done = subprocess.run([ROOT / "analysis" / "figures.py", results],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("part 7/7 of a sweep, without points", done.stderr)

    def test_unknown_figure(self):
        # Expect exit code 4 and which there are.
        results, _ = self.report_of_run()
        done = subprocess.run([ROOT / "analysis" / "figures.py", results, "--only", "pareto"],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 4)
        self.assertIn("no figure 'pareto' of this file, but latency, stages", done.stderr)


@unittest.skipUnless(browser.is_installed(), "chromium and chromium-driver are not installed")
class InBrowser(ReportTest):
    def opened(self, chromium, page):
        """Opens a page, which must draw every chart and leave nothing on the console."""
        chromium.open(page)
        drawn = chromium.run("""
            return [...document.querySelectorAll('.chart')].map((chart) => {
              if (chart.querySelector('.gantt')) return chart.querySelectorAll('rect').length;
              const canvas = chart.querySelector('canvas');
              const pixels = canvas.getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height).data;
              const coloured = (i) => pixels[i + 3] > 99 && Math.max(...pixels.slice(i, i + 3)) -
                Math.min(...pixels.slice(i, i + 3)) > 60;
              let count = 0;
              for (let i = 0; i < pixels.length; i += 4) count += coloured(i);
              return count;
            });""")
        self.assertEqual(chromium.errors(), [])
        self.assertEqual(len(drawn), len(self.charts(page)))
        for count in drawn:
            self.assertGreater(count, 20)

    def tip(self, chromium):
        return chromium.run("const tip = document.getElementById('tip');"
                            "return tip.hidden ? '' : tip.textContent;")

    def labels(self, chromium):
        return chromium.run("return [...document.querySelectorAll('.plot')[0]"
                            ".querySelectorAll('.dygraph-axis-label-x')].map(e => e.textContent);")

    def test_run(self):
        # Expect hovering over a chart, a bar and the timeline to tell values, and a drag over the
        # timeline to zoom: fewer spans, more of the rest.
        _, page = self.report_of_run()
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            x, y, _, _ = chromium.centre(".plot")
            chromium.pointer((x, y), (x + 5, y))
            self.assertIn("TTFT: ", self.tip(chromium))
            x, y, _, _ = chromium.centre(".bar i")
            chromium.pointer((x, y))
            self.assertRegex(self.tip(chromium), r"stage 0: compute \d+\.\d%")
            x, y, width, height = chromium.centre(".gantt")
            row = round(y - height / 2 + 12)
            chromium.pointer((x, row))
            self.assertRegex(self.tip(chromium), r"(step|idle).*\n.* from \d+\.\d+ s")
            count = "return document.querySelectorAll('.gantt rect').length;"
            before = chromium.run(count)
            chromium.pointer((x, row), "down", (x + 20, row), (x + 60, row), "up")
            self.assertLess(chromium.run(count), before)
            chromium.pointer((x, row), "down", "up", "down", "up")
            self.assertEqual(chromium.run(count), before)
            self.assertEqual(chromium.errors(), [])

    def test_what_is_told_apart_by_colour(self):
        # Expect each kind of span to have a colour of its own.
        _, page = self.report_of_run("--window", "2s,2.5s")
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            colours = chromium.run("return Object.values(GANTT_COLOURS).concat(WORK_SHADES);")
            self.assertEqual(len(set(colours)), len(colours))

    def test_words_on_a_bound_are_crossed_by_no_curve(self):
        # Expect them at the start where the curve is far away, to the right of where it comes near,
        # and below the bound where it runs along all of that, also past rows that it has no point in.
        _, page = self.report_of_run()
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            for curve, place in (([[0, 50], [500, 50]], [6, 95]),
                                 ([[0, 92], [200, 92], [201, 10], [500, 10]], [204, 95]),
                                 ([[0, 92], [500, 92]], [6, 114]),
                                 ([[0, 92], [1, None], [500, 92]], [6, 114]),
                                 ([[0, 92], [500, 108]], [222, 95])):
                place_at = chromium.run("""
                    const rows = arguments[0];
                    return clearPlace({numColumns: () => 2, numRows: () => rows.length,
                      getValue: (row, column) => rows[row][column], toDomCoords: (x, y) => [x, y]},
                      {x: 0, y: 0, w: 500, h: 200}, 100, 90);""", curve)
                self.assertEqual(place_at, place, curve)

    def test_sweep(self):
        # Expect hovering to name a layout, dragging to zoom in and a double click to zoom out, a
        # layout to be hidden by its button, and another percentile to be chosen from the menu.
        _, page = self.report_of_sweep()
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            x, y, width, _ = chromium.centre(".plot")
            chromium.pointer((x, y), (x + 5, y))
            self.assertRegex(self.tip(chromium), r"offered load .*\n.*TP=.*: \d")
            whole = self.labels(chromium)
            chromium.pointer((x, y), "down", (x + 40, y), (round(x + width / 4), y), "up")
            self.assertNotEqual(self.labels(chromium), whole)
            chromium.pointer((x, y), "down", "up", "down", "up")
            self.assertEqual(self.labels(chromium), whole)
            chip_x, chip_y, _, _ = chromium.centre(".chips button")
            chromium.pointer((chip_x, chip_y), "down", "up")
            x, y, _, _ = chromium.centre(".plot")
            chromium.pointer((x, y), (x + 5, y))
            self.assertIn("TP=4 x PP=2: ", self.tip(chromium))
            self.assertNotIn("TP=8: ", self.tip(chromium))
            chromium.run("const menu = document.querySelector('select'); menu.selectedIndex = 4;"
                         "menu.dispatchEvent(new Event('change'));")
            title = chromium.run("return document.querySelector('.dygraph-ylabel').textContent;")
            self.assertEqual(title, "TPOT p50 (s)")
            self.assertEqual(chromium.errors(), [])

    def test_bars_start_at_one_place(self):
        # Expect bars below each other, whatever the width of their names, and names that break
        # between words alone.
        names = ["A", "hgx-h100-and-a-very-long-name-of-many-words", "a-b c-d " * 9 + "e"]
        _, page = self.report_of_sweep(re.sub("variants:.*", "variants:\n" + "".join(
            f'  "{name}": {{engine.max_sequences: {16 + i}}}\n' for i, name in enumerate(names)),
            SWEEP, flags=re.DOTALL))
        with browser.Browser() as chromium:
            chromium.open(page)
            starts, words = chromium.run(
                "const boxes = (what) => [...document.querySelectorAll(what)].map(e => "
                "e.getBoundingClientRect());"
                "return [boxes('.bar > div').map(b => b.x), boxes('.whole').map(b => b.height)];")
            self.assertEqual((len(starts), len(set(starts))), (6, 1), starts)
            self.assertEqual((len(words), len(set(words))), (2 * 19, 1))

    def test_labels_of_an_axis_differ(self):
        # Expect the speeds of three series, which differ in the fourth digit, on an axis of which no
        # two labels are the same.
        _, page = self.report_of_sweep(NEAR)
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            labels = self.labels(chromium)
            self.assertGreater(len(labels), 3)
            self.assertEqual(len(set(labels)), len(labels), labels)

    def test_plan(self):
        # Expect hovering over the growth of plans to name one, and a point of the costs its kind,
        # its price and its headroom; the latter without a line between points.
        _, page = self.report_of_plan()
        with browser.Browser() as chromium:
            self.opened(chromium, page)
            x, y, _, _ = chromium.centre(".plot")
            chromium.pointer((x, y), (x + 5, y))
            self.assertRegex(self.tip(chromium), r"offered load .*requests/s\n.*x TP=\d on .*: \d")
            x, y, width, _ = chromium.run(
                "const e = document.querySelectorAll('.plot')[1];"
                "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
                "return [b.x + b.width / 2, b.y + b.height / 2, b.width, b.height].map(Math.round);")
            chromium.pointer((x, y), (x + 5, y))
            self.assertRegex(self.tip(chromium), r"USD an hour \d.*\n.*: -?[\d.]+%")
            self.assertEqual(chromium.errors(), [])


if __name__ == "__main__":
    main()
