#!/usr/bin/python3
"""tandem plan: is what it says to buy the cheapest that does, and does it say why?"""

import itertools
import re

from tandem_cli import ROOT, TandemTest, main

PLAN = """
scenario:
  base: scenarios/default
  cluster: clusters/hgx-h100-2-nodes
  layout: {tensor_parallel: 4, pipeline_parallel: 1, replicas: 2}
  workload:
    trace: null
    arrivals: {process: poisson, rate: 9 /s}
    requests: 1500
    input_tokens: {distribution: lognormal, mean: 1024, cv: 0.9, max: 4096}
    output_tokens: {distribution: lognormal, mean: 128, cv: 0.9, max: 1024}
  slo: {ttft: 700 ms, tpot: 50 ms, percentile: 95}
  engine: {steps_in_flight: null}
clusters: [clusters/hgx-h100-2-nodes]
tensor_parallel: [2, 4, 8]
pipeline_parallel: [1, 2]
limits: {nodes: 3}
billing: gpu
seeds: 2
"""


class Plan(TandemTest):
    def plan(self, text=PLAN, *options):
        path = self.folder / "plan.yaml"
        path.write_text(text)
        return self.tandem("plan", path, *options)

    def test_an_exhaustive_search_agrees(self):
        # Expect that no option within the limits is cheaper than the one to buy: each is judged by
        # --check, which shares the verdict and not the search.
        answer = self.plan().stdout
        bought = re.search(r"Buy (\d+) x TP=(\d+)(?: x PP=(\d+))? on", answer)
        gpus_bought = int(bought[1]) * int(bought[2]) * int(bought[3] or 1)
        cheapest = None
        for tp, pp, replicas in itertools.product((2, 4, 8), (1, 2), range(1, 9)):
            gpus = tp * pp * replicas
            if gpus > 24 or (cheapest and gpus >= cheapest):
                continue
            done = self.plan(
                PLAN, "--check", "--set", f"layout.tensor_parallel={tp}",
                "--set", f"layout.pipeline_parallel={pp}", "--set", f"layout.replicas={replicas}",
                "--set", f"cluster.nodes={-(-gpus // 8)}")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 0:
                cheapest = gpus
        self.assertEqual(gpus_bought, cheapest)

    def test_the_answer_is_whole(self):
        # Expect the answer with its cost, its energy, what it stands, and a word on every other
        # option; the same words from any number of workers.
        done = self.plan()
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("Buy ", "USD/h", "USD a million output tokens", "kWh a million",
                      "growth holds at", "a node lost:", "Why not the others", "10% headroom"):
            self.assertIn(words, done.stdout)
        self.assertEqual(self.plan(PLAN, "-j", "1").stdout, self.plan(PLAN, "-j", "5").stdout)

    def test_growth_needs_more(self):
        # Expect three times the traffic to need more GPUs than once.
        gpus = [int(re.search(r"for (\d+) GPUs", self.plan(text).stdout)[1])
                for text in (PLAN, PLAN + "growth: 3\n")]
        self.assertGreater(gpus[1], gpus[0])

    def test_nothing_meets_the_impossible(self):
        # Expect exit code 1 and each option's reason: no GPU reads 141 GB of weights in a
        # millisecond.
        done = self.plan(PLAN.replace("tpot: 50 ms", "tpot: 1 ms"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("Nothing within the limits meets it", done.stdout)
        self.assertEqual(done.stdout.count("reading the weights takes"), 6)

    def test_check_says_by_how_much(self):
        # Expect the scenario's own layout to be judged: what is free when it meets the SLO, why it
        # does not under ten times the load.
        done = self.plan(PLAN, "--check", "--set", "layout.replicas=4")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"meets the SLO\.\n +TTFT .* ms allowed, [\d.]+% of it free")
        self.assertIn("a node lost: 2 replicas", done.stdout)
        done = self.plan(PLAN + "growth: 10\n", "--check")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"cannot serve the load\.\n +why +serves \d+% of the load")

    def test_messages(self):
        # Expect exit codes 2, 3 and 4, and what is wrong.
        for text, options, code, message in (
            (PLAN, ["--frobnicate"], 2, "unknown option"),
            (PLAN, ["-j", "0"], 2, "-j takes a number"),
            (PLAN.replace("limits", "limit"), [], 3, "did you mean 'limits'?"),
            (PLAN.replace("[2, 4, 8]", "4"), [], 3, "must be a list of 1 to"),
            (PLAN.replace("nodes: 3", "nodes: 0"), [], 3, "'nodes' must be a whole number"),
            (PLAN.replace("[clusters/hgx-h100-2-nodes]", "[clusters/nothing]"), [], 3, "no file"),
            (PLAN.replace("clusters: [", "#"), [], 3, "no 'clusters' to choose from"),
            (re.sub("  slo:.*", "  slo: null", PLAN), [], 3, "say what must be met"),
        ):
            with self.subTest(message=message):
                done = self.plan(text, *options)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(message, done.stderr)
        self.assertEqual(self.tandem("plan", "/nonexistent.yaml").returncode, 4)
        self.assertEqual(self.tandem("plan").returncode, 2)

    def test_the_shipped_plans_have_an_answer(self):
        # Expect each of them to find something to buy, on fewer requests than it asks for.
        for path in sorted((ROOT / "configs" / "plans").glob("*.yaml")):
            with self.subTest(path=path):
                self.assertIn("Buy ", self.tandem_ok("plan", path, "--set", "workload.requests=1000"))


if __name__ == "__main__":
    main()
