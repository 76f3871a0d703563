#!/usr/bin/python3
"""tandem check --recommend: do rules of thumb stand beside what simulation says?"""

import json
import re

import h5py
import numpy
from tandem_cli import SCENARIO, TandemTest, main

# 60 requests over a few seconds, short ones.
LIGHT = [
    "--set",
    "workload={arrivals: {process: poisson, rate: 4 /s}, requests: 60,"
    " input_tokens: 200, output_tokens: 20}",
]


class Recommend(TandemTest):
    def recommend(self, *options):
        text = self.tandem_ok("check", SCENARIO, "--json", "--recommend", *options)
        result = json.loads(text)
        rules = {one["goal"]: one for one in result["recommendations"]}
        return rules, result["trials"]

    def layouts(self, trials):
        return {(one["tensor_parallel"], one["pipeline_parallel"]): one
                for one in trials["layouts"] if one["expert_parallel"] == 1}

    def test_trials_use_every_gpu(self):
        # Expect each layout that fits on eight GPUs once, as often as it goes; a 70B model's
        # 141 GB are too much for one GPU of 80 GB.
        _, trials = self.recommend(*LIGHT)
        tried = self.layouts(trials)
        self.assertEqual(len(tried), len(trials["layouts"]))
        self.assertIn((8, 1), tried)
        self.assertIn((1, 8), tried)
        self.assertNotIn((1, 1), tried)
        for (width, stages), one in tried.items():
            self.assertEqual(width * stages * one["replicas"], 8)

    def test_best_is_the_best_of_the_trials(self):
        # Expect the least median E2E for latency, the most tokens/s for throughput, and both
        # numbers beside each other.
        rules, trials = self.recommend(*LIGHT)
        tried = self.layouts(trials)
        for goal, key, best_of in (("latency", "e2e_s_p50", min),
                                   ("throughput", "output_tokens_per_s", max)):
            verdict = rules[goal]["simulation"]
            best = verdict["best"]
            self.assertEqual(best["value"], best_of(one[key] for one in tried.values()))
            self.assertEqual(
                best["value"], tried[best["tensor_parallel"], best["pipeline_parallel"]][key])
            own = tried[rules[goal]["tensor_parallel"], rules[goal]["pipeline_parallel"]]
            self.assertEqual(verdict["rule"], own[key])
            self.assertEqual(verdict["agrees"], abs(best["value"] / verdict["rule"] - 1) <= 0.0101)

    def test_a_trial_is_what_run_says(self):
        # Expect the median E2E of a layout's own run of the same requests, to the last bit.
        _, trials = self.recommend(*LIGHT)
        layout = ["--set", "layout={tensor_parallel: 8, pipeline_parallel: 1}"]
        ran = json.loads(self.tandem_ok("run", SCENARIO, "--json", "-q", *LIGHT, *layout))
        self.assertEqual(self.layouts(trials)[8, 1]["e2e_s_p50"], ran["e2e_s"]["p50"])
        self.assertEqual(trials["latency_requests"], 60)

    def test_a_trial_runs_as_the_scenario_says(self):
        # Expect the same where the scenario has what only a run or a layout says besides: here two
        # replicas of two stages of two.
        layout = ["--set", "layout.tensor_parallel=2", "--set", "layout.replicas=2"]
        plain, _ = self.trial_and_run(*layout)
        for setting in ("run.cost_scale=2", "run.links=shared", "layout.sequence_parallel=true"):
            trial, ran = self.trial_and_run(*layout, "--set", setting)
            self.assertEqual(trial, ran, setting)
            self.assertNotEqual(trial, plain, setting)

    def trial_and_run(self, *options):
        """The median E2E of TP=2 x PP=2, of its trial and of a run of it."""
        _, trials = self.recommend(*LIGHT, *options)
        ran = json.loads(self.tandem_ok("run", SCENARIO, "--json", "-q", *LIGHT, *options))
        return self.layouts(trials)[2, 2]["e2e_s_p50"], ran["e2e_s"]["p50"]

    def test_the_scenario_s_own_layout_is_no_matter(self):
        # Expect the same of every layout whichever of them the scenario has: max_sequences is what
        # a replica serves at once, as the scenario gives it.
        few = [*LIGHT, "--set", "engine.max_sequences=32"]
        trials = [self.recommend(*few, "--set",
                                 f"layout={{tensor_parallel: {width}, pipeline_parallel: {stages}}}")
                  for width, stages in ((8, 1), (4, 2), (1, 8))]
        self.assertEqual(trials[0], trials[1])
        self.assertEqual(trials[0], trials[2])

    def test_whole_experts_are_tried_beside_split_ones(self):
        # Expect both of each layout of several GPUs, told apart, whichever the scenario has; each
        # what a run of it says, the scenario's imbalance in it where experts are whole.
        mixture = ["--set", "model=models/qwen3-30b-a3b", "--set", "layout.pipeline_parallel=1",
                   "--set", "layout.tensor_parallel=4", "--set", "layout.expert_imbalance=1.5",
                   *LIGHT]
        rules, trials = self.recommend(*mixture)
        whole = [*mixture, "--set", "layout.expert_parallel=4"]
        self.assertEqual((rules, trials), self.recommend(*whole))
        tried = {(one["tensor_parallel"], one["pipeline_parallel"], one["expert_parallel"]): one
                 for one in trials["layouts"]}
        self.assertEqual(len(tried), len(trials["layouts"]))
        for width, stages, experts in tried:
            self.assertIn((width, stages, 1), tried)
            self.assertIn((width, stages, width), tried)
            self.assertIn(experts, (1, width))
        for options, experts in ((mixture, 1), (whole, 4)):
            ran = json.loads(self.tandem_ok("run", SCENARIO, "--json", "-q", *options,
                                            "--set", "layout.replicas=2"))
            self.assertEqual(tried[4, 1, experts]["e2e_s_p50"], ran["e2e_s"]["p50"])
        self.assertNotEqual(tried[4, 1, 1]["e2e_s_p50"], tried[4, 1, 4]["e2e_s_p50"])
        self.assertEqual(tried[4, 1, 4]["expert_imbalance"], 1.5)
        self.assertEqual(tried[4, 1, 1]["expert_imbalance"], 1)
        text = self.tandem_ok("check", SCENARIO, "--recommend", *mixture)
        self.assertRegex(text, r"(?m)^  TP=4  x PP=1  EP=4 .*\d")
        self.assertRegex(text, r"(?m)^  TP=4  x PP=1  EP=1 .*\d")
        self.assertIn("the busiest one's with 1.5 times the mean's tokens", text)

    def test_sequence_parallelism_is_told(self):
        # Expect the table to say that all are, where the scenario is; and nothing of experts.
        text = self.tandem_ok("check", SCENARIO, "--recommend", *LIGHT,
                              "--set", "layout.sequence_parallel=true")
        self.assertIn("sequences at once in a replica, sequence parallel\n", text)
        self.assertNotIn("EP", text)

    def test_the_best_loses_fewest(self):
        # Expect no layout to be the best that loses requests with a GPU that others do without: a
        # replica of all eight GPUs serves none after it, quick as it was before.
        events = "events=[{at: 5 s, down: {gpu: 0}}]"
        rules, trials = self.recommend(*LIGHT, "--set", "run.on_loss=lose", "--set", events)
        fewest = min(one["lost"] for one in trials["layouts"])
        self.assertGreater(self.layouts(trials)[8, 1]["lost"], fewest)
        for goal in ("latency", "throughput"):
            best = rules[goal]["simulation"]["best"]
            layout = best["tensor_parallel"], best["pipeline_parallel"]
            self.assertEqual(self.layouts(trials)[layout]["lost"], fewest)

    def test_throughput_is_of_a_backlog(self):
        # Expect the tokens that a run makes while the middle half of its requests start, of a trace
        # whose requests, the workload's over and over, all arrive at 0; with as many sequences as
        # the scenario has.
        _, trials = self.recommend(*LIGHT, "--set", "engine.max_sequences=8")
        count = trials["throughput_requests"]
        trace, results = self.folder / "at-once.csv", self.folder / "at-once.h5"
        trace.write_text("arrival_s,input_tokens,output_tokens\n" + "0,200,20\n" * count)
        self.tandem_ok(
            "run", SCENARIO, "-q", "--timeline", "none", "-o", results,
            "--set", "layout={tensor_parallel: 1, pipeline_parallel: 8, stage_layers: balanced}",
            "--set", "engine.max_sequences=8",
            "--set", f"workload={{trace: {{file: {trace}, format: tandem}}}}")
        with h5py.File(results) as file:
            requests = file["requests"][:]
        starts = numpy.sort(requests["scheduled_s"])
        start, end = starts[count // 4], starts[count - 1 - count // 4]
        first, done = requests["first_token_s"], requests["done_s"]
        inside = numpy.clip(numpy.minimum(done, end) - numpy.maximum(first, start), 0, None)
        tokens = (((start < first) & (first <= end)) + 19 * inside / (done - first)).sum()
        self.assertAlmostEqual(self.layouts(trials)[1, 8]["output_tokens_per_s"],
                               tokens / (end - start), delta=1e-6 * tokens / (end - start))

    def test_layouts_that_sequences_hold_back_are_marked(self):
        # Expect marks where a run of the layout warns of sequences_full, here for all that comes at
        # once, eight of which take little of any KV; beside them what four times as many sequences
        # give; and the verdict to say that the setting, not the layout, is what it is about.
        eight = [*LIGHT, "--set", "engine.max_sequences=8"]
        rules, trials = self.recommend(*eight)
        roomy = self.layouts(self.recommend(*LIGHT, "--set", "engine.max_sequences=32")[1])
        self.assertEqual(trials["throughput_requests"], 4000)
        for layout, one in self.layouts(trials).items():
            self.assertTrue(one["tokens_held_back"], layout)
            self.assertEqual(one["with_more_sequences"], {
                "max_sequences": 32, "output_tokens_per_s": roomy[layout]["output_tokens_per_s"]})
        self.assertTrue(rules["throughput"]["simulation"]["held_back"])
        width, stages = max(roomy, key=lambda layout: roomy[layout]["output_tokens_per_s"])
        said = " ".join(self.tandem_ok("check", SCENARIO, "--recommend", *eight).split())
        self.assertRegex(said, r"engine\.max_sequences, not the layout, holds that back: raised, "
                               rf"TP={width} x PP={stages} would have [\d,]+ tokens/s with 32")
        self.assertRegex(said, r"TP=1 x PP=8 1 [\d.]+ m?s\*? [\d,.]+\* rule(, best)? [\d,.]+ with 32")
        self.assertIn("*: held back by max_sequences, not by the layout: requests waited for one of "
                      "8 places with KV to spare, and a larger engine.max_sequences", said)

    def test_a_mark_is_the_run_s_warning(self):
        # Expect a latency to be marked where the run of the layout warns, and not where it does not.
        for sequences, is_held_back in ((2, True), (256, False)):
            options = [*LIGHT, "--set", f"engine.max_sequences={sequences}"]
            rules, trials = self.recommend(*options)
            ran = json.loads(self.tandem_ok(
                "run", SCENARIO, "--json", "-q", *options, "--set",
                "layout={tensor_parallel: 8, pipeline_parallel: 1}"))
            warned = "sequences_full" in [one["code"] for one in ran["warnings"]]
            self.assertEqual(warned, is_held_back)
            self.assertEqual(self.layouts(trials)[8, 1]["e2e_held_back"], is_held_back)
            self.assertEqual(rules["latency"]["simulation"]["held_back"], is_held_back)

    def test_what_kv_holds_back_is_not_marked(self):
        # Expect no mark and no word of max_sequences where KV is full with fewer.
        little = [*LIGHT, "--set", "engine.kv_tokens=2000"]
        rules, trials = self.recommend(*little)
        for one in trials["layouts"]:
            self.assertFalse(one["tokens_held_back"])
            self.assertIsNone(one["with_more_sequences"])
        self.assertFalse(rules["throughput"]["simulation"]["held_back"])
        text = self.tandem_ok("check", SCENARIO, "--recommend", *little)
        self.assertNotIn("held back", text)
        self.assertNotIn("*", text)

    def test_layouts_rank_as_in_long_runs(self):
        # Expect the eight replicas of one GPU that the rule picks to be the best where some outputs
        # are forty times the mean, and what a long run has of this and another layout, within 5%:
        # not what is left of it when the longest request runs alone at the end.
        lengths = ["--set", "model=models/llama-3.1-8b", "--set",
                   "workload={arrivals: {process: poisson, rate: 20 /s}, requests: 10000,"
                   " input_tokens: {distribution: lognormal, mean: 800, cv: 1.5, max: 8192},"
                   " output_tokens: {distribution: lognormal, mean: 200, cv: 1.5, max: 8192}}"]
        rules, trials = self.recommend(*lengths)
        self.assertTrue(rules["throughput"]["simulation"]["agrees"])
        for width, replicas in ((4, 2), (1, 8)):
            ran = json.loads(self.tandem_ok(
                "run", SCENARIO, "--json", "-q", "--timeline", "none", *lengths,
                "--set", "workload.requests=200000",
                "--set", "workload.arrivals.rate=100000 /s",
                "--set", f"layout={{tensor_parallel: {width}, replicas: {replicas}}}"))
            tried = self.layouts(trials)[width, 1]["output_tokens_per_s"]
            self.assertAlmostEqual(tried / ran["output_tokens_per_s"], 1, delta=0.05)

    def test_only_the_first_requests_are_tried(self):
        # Expect 500 of a workload that has 10,000, and four times the 256 that each of eight
        # replicas serves at once.
        _, trials = self.recommend("--set", "model=models/llama-3.1-8b")
        self.assertEqual(trials["latency_requests"], 500)
        self.assertEqual(trials["throughput_requests"], 4 * 256 * 8)

    def test_throughput_trials_are_bounded(self):
        # Expect no more than 250,000 requests, and no fewer than 4,000, however many or few a
        # replica serves at once.
        for sequences, requests in ((2, 4000), (40000, 250000)):
            _, trials = self.recommend(*LIGHT, "--set", f"engine.max_sequences={sequences}")
            self.assertEqual(trials["throughput_requests"], requests)

    def test_disagreement_shows_both(self):
        # Expect the rule's one GPU for a model that fits on it, and simulation to find eight
        # faster for a lone request; the text shows both numbers.
        one = ["--set", "model=models/llama-3.1-8b", *LIGHT]
        rules, _ = self.recommend(*one)
        latency = rules["latency"]
        self.assertEqual((latency["tensor_parallel"], latency["pipeline_parallel"]), (1, 1))
        self.assertFalse(latency["simulation"]["agrees"])
        self.assertLess(latency["simulation"]["best"]["value"], latency["simulation"]["rule"])
        text = self.tandem_ok("check", SCENARIO, "--recommend", *one)
        self.assertRegex(text, r"simulation disagrees: TP=8 x PP=1 has \d.* ms, the rule's \d.* ms")
        self.assertRegex(text, r"TP=8  x PP=1 .*best")
        self.assertRegex(text, r"TP=1  x PP=1 .*rule")

    def test_warm_up_does_not_hide_the_trials(self):
        # Expect numbers although every request arrives within the scenario's warm-up.
        _, trials = self.recommend(*LIGHT, "--set", "run.warmup=1 h")
        for one in trials["layouts"]:
            self.assertGreater(one["output_tokens_per_s"], 0)

    def test_nothing_can_be_served(self):
        # Expect no verdict where every request is longer than any layout's KV cache.
        long = ["--set", LIGHT[1], "--set", "engine.kv_tokens=128"]
        rules, trials = self.recommend(*long)
        self.assertIsNone(rules["latency"]["simulation"])
        tried = trials["latency_requests"] + trials["throughput_requests"]
        self.assertTrue(all(one["rejected"] == tried for one in trials["layouts"]))
        text = self.tandem_ok("check", SCENARIO, "--recommend", *long)
        self.assertIn("no layout serves a request of this workload", text)

    def test_a_rule_that_serves_fewer_is_not_praised_for_its_times(self):
        # Expect how many requests each serves, where the rule's one GPU has no room for the longest:
        # it is quick with what is left.
        long = ["--set", "model=models/llama-3.1-8b", "--set",
                "workload={arrivals: {process: poisson, rate: 4 /s}, requests: 60, output_tokens: 20,"
                " input_tokens: {distribution: uniform, min: 10000, max: 90000}}",
                "--set", "cluster.gpu.memory=30 GB"]
        rules, trials = self.recommend(*long)
        tried = self.layouts(trials)
        rejected, requests = tried[1, 1]["rejected"], 60 + trials["throughput_requests"]
        self.assertGreater(rejected, 0)
        for goal in ("latency", "throughput"):
            self.assertFalse(rules[goal]["simulation"]["agrees"])
        text = self.tandem_ok("check", SCENARIO, "--recommend", *long)
        said = rf"serves {requests:,} of {requests:,} requests, the rule's {requests - rejected:,}\n"
        self.assertEqual(len(re.findall(r"simulation disagrees: TP=\d+ x PP=\d+ " + said, text)), 2)

    def test_no_rule_has_a_layout(self):
        # Expect by how much, what would fit, and no trials nor a word of them, where the model
        # fits nowhere.
        done = self.tandem("check", SCENARIO, "--recommend", "--set", "cluster.gpu.memory=8 GB")
        self.assertEqual(done.returncode, 3)
        said = " ".join(done.stdout.split())
        for goal, layout in (("latency", "tensor_parallel 8 x pipeline_parallel 1"),
                             ("throughput", "tensor_parallel 1 x pipeline_parallel 8")):
            self.assertRegex(said, rf"for {goal}: none '[^']*' does not fit with {layout}: "
                                   r"[^;]* GB too few; no layout of one replica fits on cluster "
                                   r"[^;]*; on more of its nodes would fit TP=\d+")
        self.assertNotIn("simulation", said)
        self.assertNotIn("serves", said)

    def test_bad_trace(self):
        # Expect the trace's line and exit code 3: a trial reads it.
        trace = self.folder / "bad.csv"
        trace.write_text("arrival_s,input_tokens,output_tokens\n0,10,10\n1,ten,10\n")
        done = self.tandem("check", SCENARIO, "--recommend", "--set",
                           f"workload.trace={{file: {trace}, format: tandem}}")
        self.assertEqual(done.returncode, 3)
        self.assertIn("bad.csv:3", done.stderr)


if __name__ == "__main__":
    main()
