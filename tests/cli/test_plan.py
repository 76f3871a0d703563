#!/usr/bin/python3
"""tandem plan: is what it says to buy the cheapest that does, and does it say why?"""

import itertools
import json
import math
import os
import re
import resource
import signal
import subprocess

import h5py

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main

PLAN = """
scenario:
  base: scenarios/default
  cluster: clusters/hgx-h100-2-nodes
  layout: {tensor_parallel: 4, pipeline_parallel: 1, replicas: 2}
  workload:
    trace: null
    arrivals: {process: poisson, rate: 9 /s}
    requests: 800
    input_tokens: {distribution: lognormal, mean: 1024, cv: 0.9, max: 4096}
    output_tokens: {distribution: lognormal, mean: 128, cv: 0.9, max: 1024}
  slo: {ttft: 700 ms, tpot: 50 ms, percentile: 95}
  engine: {steps_in_flight: null}
clusters: [clusters/hgx-h100-2-nodes]
tensor_parallel: [2, 4, 8]
pipeline_parallel: [1, 2]
search: {}
limits: {nodes: 3}
billing: gpu
seeds: 2
"""

ENGINES = PLAN.replace("search: {}", "search: {max_step_tokens: [2048, 512, 8192]}")

BOUGHT = PLAN.replace("clusters: [clusters/hgx-h100-2-nodes]", """
clusters:
  - cluster: clusters/hgx-h100-2-nodes
    name: mine
    purchase: {gpu: 20000 USD, node: 100000 USD, rack: 5000 USD, switch: 30000 USD}
    node_power: 4 kW
ownership: {years: 4, electricity: 0.1 USD/kWh, pue: 1.5}
rack: {gpus: 16, switches: 2}
""")


# Hardware that fails for good or slows down, some of it on the second node.
FAULTY = PLAN.replace("  engine: {steps", """\
  events:
    - {at: 50 s, until: 51 s, down: {gpu: 12}}
    - {at: 50 s, until: 51 s, slow: {node: 1, factor: 2}}
    - {at: 50 s, until: 51 s, slow: {link: node1/nic0>network, factor: 2}}
    - {at: 10 s, until: 11 s, slow: {gpu: 3, factor: 3}}
  engine: {steps""")


def closed_loop(concurrency, growth, requests):
    """PLAN of so many requests in flight, within bounds that any number of them meets."""
    load = f"process: closed_loop, concurrency: {concurrency}"
    text = PLAN.replace("process: poisson, rate: 9 /s", load)
    text = text.replace("requests: 800", f"requests: {requests}")
    return text.replace("50 ms", "500 ms").replace("700 ms", "20 s") + f"growth: {growth}\n"


class PlanTest(TandemTest):
    def plan(self, text=PLAN, *options):
        path = self.folder / "plan.yaml"
        path.write_text(text)
        return self.tandem("plan", path, *options)

    def answer(self, text=PLAN, *options):
        """The answer as JSON."""
        done = self.plan(text, "--json", *options)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)


def layout(plan):
    return tuple(plan[key] for key in ("kind", "tensor_parallel", "pipeline_parallel"))


class Search(PlanTest):
    def test_what_check_says_agrees(self):
        # Expect that no option within the limits is cheaper than the one to rent: each is judged
        # by --check, which shares the verdict and not the search.
        gpus_rented = self.answer()["plans"][0]["gpus"]
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
        self.assertEqual(gpus_rented, cheapest)

    def test_an_exhaustive_search_agrees(self):
        # Expect the same plans in the same order, with the same engines, whether bounds rule
        # candidates out or every one is tried with one replica, two, and so on: so all with one.
        for text in (ENGINES, BOUGHT):
            file = self.folder / "exhaustive.h5"
            pruned, exhaustive = self.answer(text), self.answer(text, "--exhaustive", "-o", file)
            with h5py.File(file) as plan:
                tried = plan["trials"][:]
            ones = tried[(tried["load"] == 1) & (tried["replicas"] == 1)]
            self.assertEqual(len({(row["tensor_parallel"], row["pipeline_parallel"], row["engine"])
                                  for row in ones}), len(exhaustive["candidates"]))
            self.assertGreater(len(pruned["plans"]), 1)
            self.assertEqual(pruned["plans"], exhaustive["plans"][:len(pruned["plans"])])

    def test_engines_are_searched(self):
        # Expect every setting tried, and of those that serve a layout at its price the one with
        # most headroom.
        answer = self.answer(ENGINES)
        tried = {plan["engine"]["max_step_tokens"] for plan in answer["candidates"]}
        self.assertEqual(tried, {"2048", "512", "8192"})
        choices = 0
        for best in answer["plans"]:
            margins = [plan["verdict"]["margin"] for plan in answer["candidates"]
                       if plan["state"] == "meets" and layout(plan) == layout(best)
                       and plan["usd_per_hour"] == best["usd_per_hour"]]
            self.assertEqual(best["verdict"]["margin"], max(margins))
            choices += len(margins) > 1
        self.assertGreater(choices, 0)
        # Without `search`, the scenario's own, a quarter and four times of it.
        answer = self.answer(PLAN.replace("search: {}\n", ""))
        tried = {plan["engine"]["max_step_tokens"] for plan in answer["candidates"]}
        self.assertEqual(tried, {"2048", "512", "8192"})

    def test_of_one_price_the_one_that_stands_more_growth_is_first(self):
        # Expect it of all neighbours: eight GPUs are eight, two, or one of something.
        plans = self.answer(PLAN.replace("[2, 4, 8]", "[1, 2, 4, 8]"))["plans"]
        ties = [(a["growth"]["holds"], b["growth"]["holds"]) for a, b in zip(plans, plans[1:])
                if (a["usd_per_hour"], a["gpus"]) == (b["usd_per_hour"], b["gpus"])]
        self.assertTrue(ties)
        for before, after in ties:
            self.assertGreaterEqual(before, after)

    def test_only_listed_settings_change(self):
        # Expect other settings of the engine too, and each of its values on the plan's scenario.
        text = PLAN.replace("search: {}", "search: {policy: [prefill_first], max_step_tokens: [4096], "
                            "max_sequences: [64]}")
        scenario = self.folder / "best.yaml"
        self.assertEqual(self.plan(text, "--emit", scenario).returncode, 0)
        self.assertIn("policy: prefill_first\n", scenario.read_text())
        self.assertIn("max_sequences: 64\n", scenario.read_text())

    def test_the_traffic_is_what_is_asked(self):
        # Expect the process's rate, times growth, and not what 800 draws of it came to; and of
        # lengths the mean of all runs': that of a lognormal cut off at four times its mean is
        # 4% less, and 1,600 of cv 0.9 come within 5% of it.
        for growth in (1, 1.5):
            answer = self.answer(PLAN + f"growth: {growth}\n", "--check")
            self.assertEqual(answer["traffic"]["requests_per_s"], 9 * growth)
            self.assertEqual(answer["traffic"]["concurrency"], 0)
        self.assertLess(abs(answer["traffic"]["input_tokens"] / 983 - 1), 0.05)
        self.assertIn("plan: 9.00 requests/s of ", self.plan(PLAN, "--check").stdout)

    def test_a_closed_loop_grows_by_whole_requests(self):
        # Expect 3 requests in flight to grow to 4 under 1.1, for 3 would be no growth, 100 to 110,
        # and 3 to shrink to 2 under 0.9; the answer to say so, and the scenario to have it.
        scenario = self.folder / "best.yaml"
        for asked, growth, concurrency in ((3, 1.1, 4), (100, 1.1, 110), (3, 0.9, 2), (3, 1, 3)):
            text = closed_loop(asked, growth, 200)
            done = self.plan(text, "--check", "--emit", scenario)
            note = "" if asked == 100 or growth == 1 else rf" \({asked} x growth {growth} is [\d.]+\)"
            self.assertRegex(done.stdout, f"plan: {concurrency} requests in flight{note} of ")
            self.assertIn(f"concurrency: {concurrency}\n", scenario.read_text())
            traffic = self.answer(text, "--check")["traffic"]
            self.assertEqual((traffic["requests_per_s"], traffic["concurrency"]), (None, concurrency))

    def test_a_closed_loop_is_stressed_by_whole_requests(self):
        # Expect each load that a closed loop is put to to be a whole number of requests in flight,
        # none of them twice, and what holds and what fails to be such loads: of 5 a growth of 0.05
        # is 1, and of 1 the next load is 2, whatever it was asked as; the file to say the same.
        file = self.folder / "plan.h5"
        for asked, growth, concurrency in ((5, 0.05, 1), (1, 1, 1), (3, 1.1, 4), (40, 1, 40)):
            text = closed_loop(asked, growth, 100)
            found = self.answer(text, "--check", "-o", file)["plans"][0]["growth"]
            loads = [point["load"] for point in found["points"]]
            counts = [round(load * concurrency) for load in loads]
            for load, count in zip(loads, counts):
                self.assertAlmostEqual(load, count / concurrency, 12)
            self.assertEqual(counts, sorted(set(counts)))
            self.assertEqual(counts[0], concurrency)
            self.assertLessEqual(counts[-1], 8 * concurrency)
            self.assertIn(found["holds"], loads)
            if found["fails"] is None:
                self.assertGreater(counts[-1], 7 * concurrency)
            with h5py.File(file) as plan:
                rows, trials = plan["growth"][:], plan["trials"]["load"]
            for tried in (rows[rows["nodes_lost"] == 0]["load"], sorted(set(trials))):
                self.assertEqual([round(load * concurrency, 9) for load in tried], counts)

    def test_one_is_said_of_one(self):
        # Expect one request in flight, and one run where nothing is drawn: fixed lengths.
        text = re.sub(r"\{distribution.*\}", "100", PLAN).replace(
            "process: poisson, rate: 9 /s", "process: closed_loop, concurrency: 1").replace(
                "requests: 800", "requests: 100")
        said = self.plan(text.replace("ttft: 700 ms", "ttft: 1 us"), "--check").stdout
        self.assertRegex(said, r"^plan: 1 request in flight of .*, 10% headroom \(1 run\)\n")

    def test_far_beyond_a_bound_is_said_in_times(self):
        # Expect percents up to ten times of what is allowed, and times from there on.
        for bound, words in (("100 ms", r"[\d.]+% beyond it"),
                             ("1 ms", r"[\d.]+ times what is allowed")):
            said = self.plan(PLAN.replace("ttft: 700 ms", f"ttft: {bound}"), "--check").stdout
            mean = float(re.search(r"\n  TTFT +([\d.]+) ms", said)[1])
            self.assertRegex(said, rf"TTFT .* allowed, {words}\n")
        times = float(re.search(r"([\d.]+) times what", said)[1])
        self.assertAlmostEqual(times / mean, 1, 2)

    def test_the_scenario_s_seed_is_the_first(self):
        # Expect two runs under the seeds 7 and 8, of which the emitted scenario is the first's: two
        # of 7 to share the second's draws with one of 8.
        scenario = self.folder / "best.yaml"
        options = ("--check", "--set", "layout.replicas=4")
        one = PLAN.replace("seeds: 2", "seeds: 1")
        done = self.plan(one, *options, "--emit", scenario, "--set", "run.seed=7")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("seed: 7\n", scenario.read_text())
        rates = {}
        for text, seed in ((PLAN, 7), (one, 7), (one, 8)):
            answer = self.answer(text, *options, "--set", f"run.seed={seed}")
            rates[answer["seeds"], seed] = answer["plans"][0]["verdict"]["requests_per_s"]
        self.assertNotEqual(rates[1, 7], rates[1, 8])
        self.assertAlmostEqual(rates[2, 7], (rates[1, 7] + rates[1, 8]) / 2)

    def test_growth_needs_more(self):
        # Expect three times the traffic to need more GPUs than once.
        grown = PLAN.replace("requests: 800", "requests: 2400") + "growth: 3\n"
        gpus = [self.answer(text)["plans"][0]["gpus"] for text in (PLAN, grown)]
        self.assertGreater(gpus[1], gpus[0])

    def test_workers_do_not_matter(self):
        # Expect the same words and the same file from any number of workers.
        outputs = []
        for jobs in (1, 5):
            file = self.folder / f"{jobs}.h5"
            outputs.append((self.plan(PLAN, "-j", jobs, "-o", file).stdout, file.read_bytes()))
        self.assertEqual(outputs[0], outputs[1])

    def test_limits_hold(self):
        # Expect no plan beyond any of the limits: 3 nodes of 8 GPUs, 8 GPUs, one rack of 16.
        for limits in ("{nodes: 3, gpus: 8}", "{nodes: 3, racks: 1}\nrack: {gpus: 16}",
                       "{nodes: 3, racks: 1}\nrack: {power: 6 kW}"):
            answer = self.answer(PLAN.replace("{nodes: 3}", limits))
            most = 8 if "gpus: 8" in limits or "6 kW" in limits else 16
            for plan in answer["candidates"]:
                self.assertLessEqual(plan.get("gpus", 0), most, (limits, layout(plan)))


EXPERTS = """
scenario:
  base: scenarios/moe-expert-parallel
  workload:
    trace: null
    arrivals: {process: poisson, rate: 20 /s}
    requests: 800
    input_tokens: 1024
    output_tokens: 64
  slo: {ttft: 2 s, tpot: 100 ms, percentile: 95}
clusters: [clusters/hgx-h100]
tensor_parallel: [2]
pipeline_parallel: [1]
search: {}
limits: {nodes: 1}
billing: gpu
seeds: 1
"""


class Experts(PlanTest):
    def test_whole_experts_stay_whole(self):
        # Expect what a run of the scenario with the layout has, whole experts over two GPUs with
        # the scenario's imbalance: its first-token times, in a scenario that says so by itself.
        scenario = self.folder / "best.yaml"
        answer = self.answer(EXPERTS, "--emit", scenario)
        best = answer["plans"][0]
        self.assertEqual((best["expert_parallel"], best["expert_imbalance"]), (2, 1.2))
        layout = json.loads(self.tandem_ok("check", scenario, "--json"))["layout"]
        self.assertEqual((layout["expert_parallel"], layout["expert_imbalance"]), (2, 1.2))
        split = self.answer(EXPERTS, "--set", "layout.expert_parallel=1")["plans"][0]
        self.assertEqual((split["expert_parallel"], split["expert_imbalance"]), (1, 1))
        self.assertNotEqual(best["verdict"]["ttft_s"], split["verdict"]["ttft_s"])
        text = self.plan(EXPERTS).stdout
        self.assertRegex(text, r"Rent \d x TP=2, EP=2 on ")
        self.assertIn("  experts whole on 2 GPUs, the busiest's with 1.2 times the mean's tokens\n",
                      text)

    def test_experts_that_cannot_be_whole_are_split(self):
        # Expect split ones where there is one GPU, or four for 66 experts; then no imbalance is
        # left over, nor a word of any.
        file = self.folder / "plan.h5"
        answer = self.answer(EXPERTS.replace("[2]", "[1, 2, 4]"), "-o", file)
        self.assertEqual([(one["tensor_parallel"], one["expert_parallel"], one["expert_imbalance"])
                          for one in answer["candidates"]], [(1, 1, 1), (2, 2, 1.2), (4, 4, 1.2)])
        with h5py.File(file) as plan:
            self.assertEqual(list(plan["plans"]["expert_parallel"]), [1, 2, 4])
        lone = EXPERTS.replace("[2]", "[1]")
        scenario = self.folder / "best.yaml"
        self.assertNotIn("experts", self.plan(lone, "--emit", scenario).stdout)
        self.assertEqual(
            json.loads(self.tandem_ok("check", scenario, "--json"))["layout"]["expert_imbalance"], 1)
        sixty = EXPERTS.replace("workload:", "model: {base: models/qwen3-30b-a3b, experts: 66}\n  workload:")
        answer = self.answer(sixty.replace("[2]", "[2, 4]"))
        self.assertEqual([one["expert_parallel"] for one in answer["candidates"]], [2, 1])

    def test_check_names_whole_experts(self):
        # Expect it of the scenario's own layout.
        self.assertRegex(self.plan(EXPERTS, "--check").stdout, r"1 x TP=4, EP=4 on 1 node of ")


class Answer(PlanTest):
    def test_the_answer_is_whole(self):
        # Expect the answer with its cost, its energy, what it stands and what gives way first, and
        # a word on every other option.
        done = self.plan()
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("Rent ", "USD/h", "USD a million output tokens", "Wh a million",
                      "growth holds at", "a node lost:", "Why not the others", "10% headroom"):
            self.assertIn(words, done.stdout)
        self.assertRegex(done.stdout, r"at [\d.]+: .*\n +then (stage|KV memory|no resource|[\d.]+%)")

    def test_what_breaks_first_is_where_growth_ends(self):
        # Expect each plan's points to meet the SLO up to `holds`, the first that is known not to at
        # `fails`, and the break to name its figure, its resource and shares that are shares.
        for plan in self.answer()["plans"]:
            growth = plan["growth"]
            met = [point["load"] for point in growth["points"]
                   if point["outcome"] == "meets" and point["load"] < growth["fails"]]
            missed = [point["load"] for point in growth["points"]
                      if point["outcome"] not in ("meets", "too_short")]
            self.assertEqual((max(met), min(missed)), (growth["holds"], growth["fails"]))
            self.assertIn(growth["breaks"]["figure"], ("ttft", "tpot", "throughput"))
            pressure = growth["breaks"]["pressure"]
            for name in ("busy", "kv", "slots"):
                self.assertTrue(0 <= pressure[name] <= 1.001, (name, pressure))
            busiest = pressure["compute"] + pressure["collective"]
            self.assertLessEqual(pressure["busy"], busiest * (1 + 1e-9))

    def test_rented_costs(self):
        # Expect the GPUs' price times their number; per token from the tokens served while requests
        # arrive; power between all GPUs idle (128 W) and all busy (700 W), by the share of that
        # time at work.
        best = self.answer()["plans"][0]
        self.assertAlmostEqual(best["usd_per_hour"], 2.69 * best["gpus"])
        tokens_per_hour = best["verdict"]["lasting_tokens_per_s"] * 3600
        self.assertAlmostEqual(best["usd_per_million_output_tokens"],
                               best["usd_per_hour"] / tokens_per_hour * 1e6)
        busy = best["verdict"]["lasting_busy"]
        self.assertAlmostEqual(best["power_w"], best["gpus"] * (128 + (700 - 128) * busy))
        self.assertAlmostEqual(best["wh_per_million_output_tokens"],
                               best["power_w"] / tokens_per_hour * 1e6)

    def test_a_token_costs_the_same_in_short_runs(self):
        # Expect cost and energy of a million tokens to agree within 5%, twice what chance makes of
        # the lengths of 2 x 800 requests (cv 0.9), although a short run ends with a larger share of
        # it in which nothing arrives.
        short, long = (self.answer(PLAN, "--check", "--set", "layout.replicas=4", "--set",
                                   f"workload.requests={requests}")["plans"][0]
                       for requests in (800, 8000))
        for key in ("usd_per_million_output_tokens", "wh_per_million_output_tokens"):
            self.assertLess(abs(short[key] / long[key] - 1), 0.05, key)

    def test_bought_costs(self):
        # Expect GPUs, nodes, racks of 16 GPUs and two switches a rack, over four years of 8,766
        # hours, and electricity at 0.1 USD/kWh for what is drawn times 1.5.
        best = self.answer(BOUGHT)["plans"][0]
        gpus, nodes, racks = best["billed_gpus"], best["nodes"], best["racks"]
        self.assertEqual((gpus, racks), (8 * nodes, -(-nodes // 2)))
        price = 20000 * gpus + 100000 * nodes + (5000 + 2 * 30000) * racks
        self.assertEqual(best["purchase_usd"], price)
        busy = best["verdict"]["lasting_busy"]
        power_w = 128 * gpus + (700 - 128) * busy * best["gpus"] + 4000 * nodes
        self.assertAlmostEqual(best["power_w"], power_w)
        self.assertAlmostEqual(best["usd_per_hour"],
                               price / (4 * 8766) + power_w * 1.5 / 1000 * 0.1)
        self.assertIn("Buy ", self.plan(BOUGHT).stdout)

    def test_a_price_of_the_plan_wins(self):
        # Expect half the price to halve the cost.
        cheap = PLAN.replace("[clusters/hgx-h100-2-nodes]",
                             "[{cluster: clusters/hgx-h100-2-nodes, price: 1.345 USD/h}]")
        self.assertAlmostEqual(2 * self.answer(cheap)["plans"][0]["usd_per_hour"],
                               self.answer()["plans"][0]["usd_per_hour"])

    def test_the_scenario_reproduces_the_plan(self):
        # Expect the emitted scenario, run from elsewhere, to serve exactly the tokens a second
        # that the plan says of one seed, grown traffic and all; and the HDF5 to hold its text.
        text = PLAN.replace("seeds: 2", "seeds: 1\ngrowth: 1.3")
        scenario, file = self.folder / "deep" / "best.yaml", self.folder / "plan.h5"
        scenario.parent.mkdir()
        best = self.answer(text, "--emit", scenario, "-o", file)["plans"][0]
        run = json.loads(self.tandem_ok("run", scenario, "--json"))
        self.assertEqual(run["output_tokens_per_s"], best["verdict"]["output_tokens_per_s"])
        self.assertEqual(run["requests_per_s"], best["verdict"]["requests_per_s"])
        with h5py.File(file) as plan:
            self.assertEqual(plan.attrs["scenario"], scenario.read_text())

    def test_the_file_says_what_json_says(self):
        # Expect a row for each candidate, the same winner and numbers, the loads of growth, and
        # units for every column.
        file = self.folder / "plan.h5"
        answer = self.answer(PLAN, "-o", file)
        with h5py.File(file) as plan:
            rows, growth, trials = (plan[name][:] for name in ("plans", "growth", "trials"))
            for name in ("plans", "growth", "trials"):
                units = dict(zip(plan[name].dtype.names, plan[name].attrs["units"]))
                self.assertEqual((units["ttft_s"], units["kind"]), ("s", "1"))
            self.assertTrue(plan["summary"].attrs["met"])
        self.assertEqual(len(rows), len(answer["candidates"]))
        best = rows[rows["rank"] == 1][0]
        self.assertEqual(layout(answer["plans"][0]), (
            best["kind"].decode(), best["tensor_parallel"], best["pipeline_parallel"]))
        self.assertEqual(answer["plans"][0]["replicas"], best["replicas"])
        self.assertEqual(best["usd_per_hour"], answer["plans"][0]["usd_per_hour"])
        points = answer["plans"][0]["growth"]["points"]
        loads = growth[(growth["rank"] == 1) & (growth["nodes_lost"] == 0)]["load"]
        self.assertEqual(list(loads), [point["load"] for point in points])
        self.assertGreater(len(trials), len(points))


    def test_what_did_not_run_has_no_power(self):
        # Expect a dearer candidate, of whose replicas no run tells how busy they are, to have a price
        # and no power, in either form; those that ran for the plans to have both.
        file = self.folder / "plan.h5"
        answer = self.answer(PLAN, "-o", file)
        with h5py.File(file) as plan:
            rows = plan["plans"][:]
        states = set()
        for candidate, row in zip(answer["candidates"], rows):
            states.add(candidate["state"])
            if candidate["state"] != "ruled_out":
                self.assertGreater(candidate["usd_per_hour"], 0)
                self.assertEqual(candidate["power_w"] is None, candidate["state"] == "dearer")
            self.assertEqual(row["power_w"] > 0, candidate["state"] == "meets")
        self.assertLessEqual({"meets", "dearer"}, states)

    def test_ruled_out_rows_agree_with_themselves(self):
        # Expect the row of a candidate that runs ruled out to be of the replicas that its reason
        # names, with their GPUs and nodes and no price; of one that no run ruled out, of none.
        file = self.folder / "plan.h5"
        for rate, count in (("30 /s", 4), ("900 /s", 0)):
            self.plan(PLAN.replace("rate: 9 /s", f"rate: {rate}").replace("nodes: 3", "nodes: 1").replace(
                "[2, 4, 8]", "[2]").replace("[1, 2]", "[1]"), "-o", file)
            with h5py.File(file) as plan:
                row = plan["plans"][0]
            self.assertEqual(row["state"], b"ruled_out")
            self.assertEqual(f"even {count} replicas" in row["why"].decode(), count > 0, row["why"])
            self.assertEqual([row[key] for key in ("replicas", "nodes", "gpus", "billed_gpus")],
                             [count, count > 0, 2 * count, 2 * count])
            self.assertTrue(math.isnan(row["usd_per_hour"]))

    def test_programs_hear_of_what_is_not_counted(self):
        # Expect the kinds that the text is unsure of in JSON and the file, by their names; none where
        # the power limit of all GPUs is counted, or of none.
        file = self.folder / "plan.h5"
        text = (PLAN.replace("requests: 800", "requests: 200").replace("[2, 4, 8]", "[4]")
                .replace("[1, 2]", "[1]").replace("seeds: 2", "seeds: 1"))
        for kinds, names in ((("h100", "a100", "h200"), ["hgx-a100-2-nodes"]),
                             (("h100",), []), (("a100",), [])):
            clusters = ", ".join(f"clusters/hgx-{kind}-2-nodes" for kind in kinds)
            asked = text.replace("clusters/hgx-h100-2-nodes]", clusters + "]")
            self.assertEqual(self.answer(asked, "-o", file)["uncapped"], names)
            with h5py.File(file) as plan:
                self.assertEqual(plan["summary"].attrs["uncapped"], ", ".join(names))
            shown = self.plan(asked).stdout
            self.assertEqual("prompts may take longer on hgx-a100-2-nodes:" in shown, bool(names))


    def test_answers_of_one_token(self):
        # Expect counts that are whole to be written so, no bound to be compared with a latency that
        # nobody has, and no heading over nothing: all cuts that there are meet the SLO.
        text = (PLAN.replace("output_tokens: {distribution: lognormal, mean: 128, cv: 0.9, max: 1024}",
                             "output_tokens: 1").replace("rate: 9 /s", "rate: 1 /s")
                .replace("[2, 4, 8]", "[4]").replace("[1, 2]", "[1]").replace("seeds: 2", "seeds: 1"))
        shown = self.plan(text).stdout
        self.assertRegex(shown, r" tokens in and 1 out; ")
        self.assertRegex(shown, r"\n  TPOT   none was seen\n")
        self.assertNotIn("Why not the others", shown)
        self.assertTrue(shown.startswith("plan: "), shown)
        self.assertIn("Rent", shown)


class Nothing(PlanTest):
    def test_says_which_constraint_excludes_all(self):
        # Expect exit code 1, what excludes how many of the six candidates, and each one's reason:
        # no GPU reads 141 GB of weights in a millisecond; none prefills 4,096 tokens in one; no
        # node holds more than its memory; no limit of one GPU holds two.
        for text, words, constraint in (
            (PLAN.replace("tpot: 50 ms", "tpot: 1 ms"), "6 miss the TPOT", "tpot"),
            (PLAN.replace("ttft: 700 ms", "ttft: 1 ms"), "6 miss the TTFT", "ttft"),
            (PLAN.replace("{nodes: 3}", "{gpus: 1}"), "6 exceed the limits", "limits"),
            (PLAN.replace("rate: 9 /s", "rate: 900 /s"), "6 cannot serve the load", "throughput"),
            (PLAN.replace("  engine:", "  model: {base: models/llama-3.1-405b}\n  engine:")
             .replace("[2, 4, 8]", "[2, 4]").replace("[1, 2]", "[1]"), "2 miss the TPOT", "tpot"),
            (PLAN.replace("[2, 4, 8]", "[3]"), "2 cannot be cut so", "shape"),
            (PLAN + "rack: {power: 1 kW}\n", "6 exceed the limits", "limits"),
        ):
            with self.subTest(words=words):
                file = self.folder / "plan.h5"
                done = self.plan(text, "-o", file)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("Nothing within the limits meets it: of ", done.stdout)
                self.assertIn(words, done.stdout)
                answer = self.answer(text)
                self.assertEqual((answer["met"], answer["plans"]), (False, []))
                self.assertIn(words, answer["obstacles"])
                self.assertIn(constraint, {plan["constraint"] for plan in answer["candidates"]})
                self.assertTrue(all(plan["why"] for plan in answer["candidates"]))
                with h5py.File(file) as plan:
                    self.assertIn(words, plan["summary"].attrs["obstacles"])
                    self.assertEqual((len(plan["growth"]), plan.attrs["scenario"]), (0, ""))

    def test_the_limit_that_excludes_is_named(self):
        # Expect of candidates of which not one replica is possible what forbids it: nodes that are
        # paid whole, a replica's GPUs, its nodes, or that nothing joins them.
        alone = "[{cluster: {base: clusters/hgx-h100}}]"
        wide = PLAN.replace("[1, 2]", "[2, 4]").replace("[2, 4, 8]", "[8]")
        for text, reasons in (
                (PLAN.replace("{nodes: 3}", "{gpus: 2}").replace("billing: gpu", "billing: node"),
                 {"limits.gpus 2 is less than a node's 8 GPUs, which are all paid (billing: node)"}),
                (BOUGHT.replace("{nodes: 3}", "{gpus: 2}"),
                 {"limits.gpus 2 is less than a node's 8 GPUs, which are bought together"}),
                (wide.replace("{nodes: 3}", "{gpus: 8}"),
                 {f"limits.gpus 8 is less than one replica's {gpus} GPUs" for gpus in (16, 32)}),
                (wide.replace("{nodes: 3}", "{nodes: 1}"),
                 {f"one replica takes {nodes} nodes, and the limits hold 1" for nodes in (2, 4)}),
                (wide.replace("[clusters/hgx-h100-2-nodes]", alone),
                 {"one replica takes 2 nodes, and these have no network",
                  "one replica takes 4 nodes, and the limits hold 3"})):
            with self.subTest(reasons=reasons):
                self.assertEqual({plan["why"] for plan in self.answer(text)["candidates"]}, reasons)

    def test_what_a_missing_network_excludes_is_said(self):
        # Expect of a kind that is held to one node for want of a network, and would need more, the
        # reason to name that beside what one node misses, whether a run tells or a bound; of the
        # same kind under a limit of one node, the limit alone.
        alone = PLAN.replace("[clusters/hgx-h100-2-nodes]", "[clusters/hgx-h100]").replace(
            "[2, 4, 8]", "[2]").replace("[1, 2]", "[1]")
        held = "(one node: the cluster has no 'nic')"
        for rate, begin in (("20 /s", "even 4 replicas "), ("900 /s", "no fewer than ")):
            with self.subTest(rate=rate):
                text = alone.replace("rate: 9 /s", f"rate: {rate}")
                why = self.answer(text)["candidates"][0]["why"]
                self.assertTrue(why.startswith(begin), why)
                self.assertIn(held, why)
                why = self.answer(text.replace("nodes: 3", "nodes: 1"))["candidates"][0]["why"]
                self.assertNotIn(held, why)

    def test_refusals_are_no_service(self):
        # Expect a layout that serves well whom it serves not to be bought where it rejects more
        # than one request in twenty, as the only one here does, and the reason to say so; where no
        # more than one in ten must be served, it is bought, and it is said all the same.
        refusing = PLAN.replace("[2, 4, 8]", "[2]").replace("[1, 2]", "[1]").replace(
            "rate: 9 /s", "rate: 0.3 /s").replace("ttft: 700 ms", "ttft: 20 s").replace(
            "tpot: 50 ms", "tpot: 100 ms").replace(
            "mean: 1024, cv: 0.9, max: 4096", "mean: 8000, cv: 1.5, max: 120000")
        answer = self.answer(refusing)
        self.assertFalse(answer["met"])
        self.assertEqual(answer["candidates"][0]["constraint"], "refused")
        self.assertRegex(answer["candidates"][0]["why"], r"rejects [\d.]+% of the requests: KV holds [\d,]+")
        done = self.plan(refusing.replace("percentile: 95", "percentile: 10"))
        self.assertRegex(done.stdout, r"within the SLO; it rejects [\d.]+% of the requests")

    def test_reasons_are_said_to_the_end(self):
        # Expect three reasons at once to be whole.
        three = PLAN.replace("[2, 4, 8]", "[2]").replace("[1, 2]", "[1]").replace(
            "nodes: 3", "nodes: 1").replace("rate: 9 /s", "rate: 0.8 /s").replace(
            "ttft: 700 ms, tpot: 50 ms", "ttft: 2450 ms, tpot: 26 ms").replace(
            "mean: 1024, cv: 0.9, max: 4096", "mean: 8000, cv: 1.5, max: 120000")
        why = self.answer(three)["candidates"][0]["why"]
        self.assertRegex(why, "rejects .*; TTFT .*; TPOT ")
        self.assertIn(f"{why}\n", self.plan(three).stdout)

    def test_what_sequences_hold_back_is_said(self):
        # Expect of four sequences on eight GPUs, which take next to no KV and miss, the key in the
        # reason, and in the answer that a larger one may do; it does, and then nobody asks for more.
        few = PLAN.replace("[2, 4, 8]", "[4]").replace("[1, 2]", "[1]").replace(
            "nodes: 3", "nodes: 1").replace("search: {}", "search: {max_sequences: [4]}")
        answer = self.answer(few)
        self.assertFalse(answer["met"])
        self.assertGreater(answer["held_back"], 0)
        self.assertRegex(answer["candidates"][0]["why"], r"; requests wait \d+% of the time for one "
                         r"of 4 sequences, KV \d+% used: raise engine\.max_sequences$")
        self.assertGreater(answer["candidates"][0]["verdict"]["pressure"]["crowded"], 0.1)
        said = " ".join(self.plan(few).stdout.split())
        self.assertRegex(said, r"unsure \d+ options? left requests waiting for max_sequences, with KV "
                               r"to spare; a larger one \(search: \{max_sequences: \[\.\.\.\]\}\)")
        enough = few.replace("[4]}", "[4, 256]}")
        answer = self.answer(enough)
        self.assertEqual(answer["plans"][0]["engine"], {"max_sequences": "256"})
        self.assertEqual(answer["held_back"], 0)
        self.assertNotIn("waiting for max_sequences", self.plan(enough).stdout)

    def test_what_serves_nothing_is_not_bought(self):
        # Expect no hardware to be recommended whose only node fails for good, nor by one request.
        lost = PLAN.replace("{nodes: 3}", "{nodes: 1}")
        answer = self.answer(lost, "--set", "events=[{at: 10 s, down: {node: 0}}]")
        self.assertFalse(answer["met"])
        self.assertIn("loses", " ".join(plan["why"] for plan in answer["candidates"]))
        answer = self.answer(PLAN, "--set", "workload.requests=1")
        self.assertFalse(answer["met"])
        self.assertIn("too_short", {plan["constraint"] for plan in answer["candidates"]})

    def test_the_warm_up_is_not_judged(self):
        # Expect the share within the SLO to be of the requests after the warm-up, as of a run.
        scenario = self.folder / "best.yaml"
        text = PLAN.replace("  engine:", "  run: {warmup: 30 s}\n  engine:").replace("seeds: 2", "seeds: 1")
        best = self.answer(text, "--emit", scenario)["plans"][0]
        run = json.loads(self.tandem_ok("run", scenario, "--json"))
        self.assertGreater(run["requests"]["warmup"], 0)
        self.assertEqual(run["slo"]["share"], best["verdict"]["good"])

    def test_the_scenario_is_called_what_the_plan_is(self):
        # Expect the plan's words, whatever is in them, in place of those of the scenario that it
        # builds on.
        scenario = self.folder / "best.yaml"
        words = 'name: "my plan: #1"\ndescription: "Two lines,\\n\\"quoted\\" & all."\n'
        for given, kept in ((words, words), ("", 'name: "plan"\n')):
            self.assertEqual(self.plan(given + PLAN, "--emit", scenario).returncode, 0)
            self.assertEqual(scenario.read_text().partition("model:")[0], kept)

    def test_no_scenario_is_written(self):
        # Expect no file where there is nothing to write, nor of a scenario that is checked and misses
        # the SLO, and a note that says so; and a latency beyond its bound not to be free in part.
        scenario = self.folder / "best.yaml"
        for options in ((), ("--check",)):
            done = self.plan(PLAN.replace("tpot: 50 ms", "tpot: 5 ms"), "--emit", scenario, *options)
            self.assertEqual(done.returncode, 1)
            self.assertFalse(scenario.exists())
            self.assertIn(f"note: nothing meets the SLO, and {scenario} is not written", done.stderr)
        self.assertRegex(done.stdout, r"TPOT .* of the 5.00 ms allowed, [\d.]+% beyond it\n")
        self.assertNotIn("-", re.findall("allowed, (.*)", done.stdout)[-1])


class Check(PlanTest):
    def test_check_says_by_how_much(self):
        # Expect the scenario's own layout to be judged: what is free when it meets the SLO, why it
        # does not under ten times the load.
        done = self.plan(PLAN, "--check", "--set", "layout.replicas=4")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"meets the SLO\.\n +TTFT .* ms allowed, [\d.]+% of it free")
        self.assertIn("a node lost: 2 replicas", done.stdout)
        done = self.plan(PLAN + "growth: 10\n", "--check", "--set", "workload.requests=8000")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"cannot serve the load\.\n +why +serves \d+% of the load")

    def test_a_run_too_short_to_tell_says_so(self):
        # Expect a load of which 60 requests tell nothing to be neither met nor missed, with how
        # many would tell, in words and as JSON.
        options = ("--check", "--set", "layout.replicas=4", "--set", "workload.requests=60")
        done = self.plan(PLAN, *options)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"may meet the SLO, which longer runs would show\.\n"
                                      r" +why +runs too short to tell .*; about [\d,]+ requests would")
        answer = self.answer(PLAN, *options)
        verdict = answer["candidates"][0]["verdict"]
        self.assertEqual((answer["met"], verdict["outcome"]), (False, "too_short"))
        self.assertGreater(verdict["balance"]["requests_to_tell"], 60)
        self.assertEqual(answer["untold"]["options"], 1)

    def test_runs_that_are_alike_count_once(self):
        # Expect of a trace, and of even gaps with fixed lengths, that ask the same under every seed,
        # one run and the interval that it leaves, however many seeds there are to be; and advice
        # for a longer trace, which helps. Of lengths that are drawn, every seed counts.
        rows = "".join(f"{i * 0.11},{200 + 389 * i % 3000},{20 + 97 * i % 300}\n" for i in range(700))
        trace = self.folder / "asked.csv"
        trace.write_text(f"arrival_s,input_tokens,output_tokens\n{rows}")
        recorded = ("--set", f"workload={{trace: {{file: {trace}, format: tandem}}}}")
        even = ("--set", "workload={arrivals: {process: constant, rate: 8 /s}, requests: 700, "
                         "input_tokens: 900, output_tokens: 100}")
        for options, runs in ((recorded, 1), (even, 1), ((), 4)):
            with self.subTest(options=options):
                once, often = (self.answer(PLAN.replace("seeds: 2", f"seeds: {seeds}"), "--check", "--set",
                                           "slo.ttft=50 s", "--set", "slo.tpot=5 s", *options)
                               for seeds in (1, 4))
                self.assertEqual((once["seeds"], often["seeds"]), (1, runs))
                if runs == 1:
                    self.assertEqual(once["candidates"], often["candidates"])
        said = self.plan(PLAN, "--check", "--set", "slo.ttft=240 ms", *recorded).stdout
        self.assertIn("may meet the SLO, which a longer trace or more requests would show.", said)

    def test_one_seed_alone_says_nothing_saturated(self):
        # Expect a load of which all is within the SLO, and which the first seed says is not kept up
        # with, to run under the other too, which leaves it open; where most misses the SLO, that
        # seed is enough.
        options = ("--check", "--set", "workload.requests=400", "--set",
                   "workload.arrivals.rate=25 /s")
        patient = PLAN.replace("ttft: 700 ms, tpot: 50 ms", "ttft: 60 s, tpot: 1 s")
        for text, seeds, outcome in (
                (patient.replace("seeds: 2", "seeds: 1"), 1, "saturated"),
                (patient, 2, "too_short"), (PLAN, 1, "saturated")):
            answer = self.answer(text, *options)
            verdict = answer["candidates"][0]["verdict"]
            self.assertEqual((answer["runs"], verdict["outcome"]), (seeds, outcome))

    def test_growth_too_short_to_tell_breaks_nothing(self):
        # Expect loads at which too few requests arrive after the warm-up to be told from those that
        # fail: where none fails, that nothing is known beyond what holds.
        options = ("--check", "--set", "layout.replicas=4", "--set", "workload.requests=2400",
                   "--set", "run.warmup=150 s")
        growth = self.answer(PLAN, *options)["plans"][0]["growth"]
        self.assertEqual((growth["fails"], growth["breaks"]), (None, None))
        after = next(point for point in growth["points"] if point["load"] > growth["holds"])
        self.assertEqual((after["load"], after["outcome"]), (growth["untold"], "too_short"))
        said = self.plan(PLAN, *options).stdout
        self.assertRegex(said, r"holds at [\d.]+ times this traffic, and is not known beyond\n"
                               r" +at [\d.]+: runs too short to tell from \d+ request")
        # Expect a load that fails beyond those that do not tell to be what breaks, with its figure.
        options = ("--check", "--set", "layout.replicas=4", "--set", "workload.requests=600")
        growth = self.answer(PLAN, *options)["plans"][0]["growth"]
        self.assertLess(growth["holds"], growth["untold"])
        self.assertLess(growth["untold"], growth["fails"])
        self.assertEqual(growth["breaks"]["figure"], "tpot")

    def test_a_winner_among_the_untold_is_named_with_a_warning(self):
        # Expect short runs to warn, with the options that might be better, wherever they name a
        # winner at all, and longer ones not to.
        short = self.plan(PLAN, "--set", "workload.requests=200")
        self.assertRegex(short.stdout, r"unsure \d+ options? that cost.* too short to tell")
        long = self.plan(PLAN, "--set", "workload.requests=6000")
        self.assertNotIn("unsure", long.stdout)

    def test_kinds_whose_power_limit_is_not_counted_are_named(self):
        # Expect a warning where some kinds' prompts slow down under their GPUs' power limit and
        # others' are not known to, with the others' names; none where all do or none does.
        two = PLAN.replace("[clusters/hgx-h100-2-nodes]", "[clusters/hgx-h100-2-nodes, %s]")
        mixed = self.plan(two % "clusters/hgx-a100-2-nodes").stdout
        self.assertRegex(mixed, r"unsure prompts may take longer on hgx-a100-2-nodes:\n")
        alike = self.plan(two % "clusters/hgx-h200-2-nodes").stdout
        self.assertNotIn("may take longer", alike)
        uncapped = self.plan(PLAN.replace("hgx-h100", "hgx-a100")).stdout
        self.assertNotIn("may take longer", uncapped)

    def test_a_lost_node_takes_its_events_along(self):
        # Expect a node less to be judged on what happens to the nodes that are left: as with that
        # event alone.
        text = FAULTY.replace("rate: 9 /s", "rate: 6 /s").replace(
            "replicas: 2}", "replicas: 4}")
        alone = text.replace("50 s, until: 51 s", "9 h")
        lost = [done.stdout[done.stdout.index("  a node lost:"):] for done in
                (self.plan(each, "--check") for each in (text, alone))]
        self.assertEqual(lost[0], lost[1])
        self.assertIn("2 replicas still meet the SLO", lost[0])
        # Expect one to be called one.
        done = self.plan(text.replace("tensor_parallel: 4", "tensor_parallel: 8").replace(
            "replicas: 4}", "replicas: 2}"), "--check")
        self.assertRegex(done.stdout, "a node lost: 1 replica (still meets|left, )")
        # Expect the search to go without them once it is told to.
        answer = json.loads(self.plan(FAULTY, "--json", "--set", "events=null").stdout)
        self.assertEqual(answer["plans"], self.answer(PLAN)["plans"])

    def test_groups_that_span_nodes_outlive_one(self):
        # Expect of two replicas of 16 GPUs on four nodes, two each, that one is left without a node.
        options = ("--check", "--set", "cluster=clusters/hgx-h100-4-nodes", "--set", "layout.replicas=2",
                   "--set", "layout.tensor_parallel=16", "--set", "slo.ttft=60 s", "--set", "slo.tpot=2 s")
        plan = self.answer(PLAN, *options)["plans"][0]
        self.assertEqual(plan["node_lost"]["replicas_left"], 1)
        self.assertRegex(self.plan(PLAN, *options).stdout, "a node lost: 1 replica ")

    def test_check_writes_the_same_forms(self):
        # Expect the only candidate, judged, in JSON and HDF5, whether it meets the SLO or not.
        for growth, rank in ((1, 1), (10, 0)):
            file = self.folder / "check.h5"
            answer = self.answer(PLAN + f"growth: {growth}\n", "--check", "-o", file,
                                 "--set", "layout.replicas=4")
            self.assertEqual(len(answer["candidates"]), 1)
            self.assertEqual(answer["met"], rank == 1)
            self.assertIn("requests_per_s", answer["candidates"][0]["verdict"])
            with h5py.File(file) as plan:
                self.assertEqual(list(plan["plans"]["rank"]), [rank])
                self.assertIn("tensor_parallel: 4", plan.attrs["scenario"])


class Messages(PlanTest):
    def test_messages(self):
        # Expect exit codes 2, 3 and 4, and what is wrong; of the file, where.
        kind = "{cluster: clusters/hgx-h100-2-nodes, %s}"
        bought = PLAN + "ownership: {years: 4, electricity: 0.1 USD/kWh}\n"
        for text, options, code, message in (
            (PLAN, ["--frobnicate"], 2, "unknown option"),
            (PLAN, ["-j", "0"], 2, "-j takes a number"),
            (PLAN, ["--check", "--exhaustive"], 2, "--exhaustive is of a search"),
            (PLAN, ["other.yaml"], 2, "one plan at a time: what is 'other.yaml'?"),
            (PLAN.replace("limits", "limit"), [], 3, "did you mean 'limits'?"),
            (PLAN.replace("[2, 4, 8]", "4"), [], 3, "must be a list of 1 to"),
            (PLAN.replace("nodes: 3", "nodes: 0"), [], 3, "'nodes' must be a whole number"),
            (PLAN.replace("[clusters/hgx-h100-2-nodes]", "[clusters/nothing]"), [], 3, "no file"),
            (PLAN.replace("[clusters/hgx-h100-2-nodes]", "{}"), [], 3, "plan.yaml:14:11: 'clusters' must be a list of 1 to"),
            (PLAN.replace("clusters: [", "#"), [], 3,
             "plan.yaml:2:1: the plan has no 'clusters' to choose from; --check judges its"),
            (re.sub("  slo:.*", "  slo: null", PLAN), [], 3, 
             "plan.yaml:3:3: the plan's scenario has no 'slo': say what must be met"),
            (PLAN.replace("replicas: 2}", "pools: {prefill: {}, decode: {}}}"), [], 3,
             "the plan's scenario has 'pools'"),
            (FAULTY, [], 3, "plan.yaml:14:43: 'gpu' must be a whole number from 0 to 7, not '12'"),
            (FAULTY, [], 3, "note: a search tries each kind of cluster from one node on, and all "
             "must have what events name;\nleave events out (--set events=null)"),
            (PLAN.replace("search: {}", "search: []"), [], 3, "plan.yaml:17:9: 'search' must be a mapping"),
            (PLAN.replace("search: {}", "search: {policy: static}"), [], 3,
             "plan.yaml:17:18: 'policy' must be a list of 1 to"),
            (PLAN.replace("search: {}", "search: {policy: [[static]]}"), [], 3,
             "plan.yaml:17:19: 'policy' must list single values"),
            (PLAN.replace("search: {}", "search: {policy: [stattic]}"), [], 3,
             "plan.yaml:17:19: 'policy' must be"),
            (PLAN.replace("search: {}", "search: {max_step_token: [512]}"), [], 3,
             "did you mean 'max_step_tokens'?"),
            (PLAN.replace("search: {}", "search: {max_step_tokens: [1, 2, 3, 4, 5, 6, 7, 8, 9], "
                          "max_sequences: [1, 2, 3, 4, 5, 6, 7, 8]}"), [], 3,
             "'search' makes 72 engines of these settings; at most 64 are tried"),
            (PLAN.replace("[2, 4, 8]", "[2, 4, 2]"), [], 3,
             "plan.yaml:15:25: 'tensor_parallel' lists '2' twice"),
            (PLAN.replace("search: {}", "search: {max_step_tokens: [512, 512]}"), [], 3,
             "plan.yaml:17:33: 'max_step_tokens' lists '512' twice"),
            (PLAN.replace("-2-nodes]", "-2-nodes, clusters/hgx-h100-2-nodes]"), [], 3,
             "'clusters' lists 'clusters/hgx-h100-2-nodes' twice"),
            (PLAN.replace("-2-nodes]", "-2-nodes, {cluster: clusters/hgx-h100-2-nodes, price: 1 USD/h}]"),
             [], 3, "plan.yaml:14:49: two of 'clusters' are called 'hgx-h100-2-nodes': give this one"),
            (PLAN.replace("{nodes: 3}", "{racks: 3}"), [], 3,
             "plan.yaml:18:17: a limit on racks needs 'rack:"),
            # Prices of what is not counted would buy nothing.
            (BOUGHT.replace("rack: {gpus: 16, switches: 2}", "rack: {switches: 2}"), [], 3,
             "plan.yaml:18:56: a rack's price needs 'rack: {gpus: ...}' or 'rack: {power: ...}'"),
            (BOUGHT.replace("rack: {gpus: 16, switches: 2}", ""), [], 3,
             "plan.yaml:18:74: a switch's price needs 'rack: {switches: ...}' and what a rack holds"),
            (BOUGHT.replace(", switches: 2", ""), [], 3, "a switch's price needs"),
            (PLAN + "rack: {power: 40}\n", [], 3, "plan.yaml:21:15: 'power': '40' has no unit"),
            (PLAN + "rack: {switch: 1}\n", [], 3, "unknown key 'switch' in 'plan.rack'"),
            (PLAN.replace("[clusters/hgx-h100-2-nodes]", "[" + kind % "price: 0 USD/h" + "]"), [], 3,
             "'price' must lie between 0.001 USD/h and 1000000 USD/h, not '0 USD/h'"),
            (bought.replace("[clusters/hgx-h100-2-nodes]", "[" + kind % "purchase: {}" + "]"), [], 3,
             "gives neither a GPU's nor a node's price"),
            (bought.replace("[clusters/hgx-h100-2-nodes]",
                            "[" + kind % "price: 1 USD/h, purchase: {node: 9 USD}" + "]"), [], 3,
             "a cluster that has a 'purchase'"),
            (bought.replace("[clusters/hgx-h100-2-nodes]",
                            "[" + kind % "purchase: {node: 9 USD/h}" + "]"), [], 3,
             "'9 USD/h' is a price by the hour, not an amount of money"),
            (PLAN.replace("[clusters/hgx-h100-2-nodes]",
                          "[" + kind % "purchase: {node: 9 USD}" + "]"), [], 3, "'ownership'"),
            (PLAN + "ownership: {years: 0}\n", [], 3, "'years' must be a number from 0.1"),
        ):
            with self.subTest(message=message):
                done = self.plan(text, *options)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(message, done.stderr)
        self.assertEqual(self.tandem("plan", "/nonexistent.yaml").returncode, 4)
        self.assertEqual(self.tandem("plan").returncode, 2)

    def test_outputs_that_cannot_be_written(self):
        # Expect exit code 4 and the path, before anything is searched; and that what is there and no
        # file, as a device is not, stays.
        os.mkfifo(self.folder / "pipe")
        for option in ("-o", "--emit"):
            for path in ("/nonexistent/out", self.folder / "pipe"):
                done = self.plan(PLAN.replace("clusters:", "no_key:"), option, path)
                self.assertEqual(done.returncode, 4)
                self.assertIn(f"cannot write {path}", done.stderr)
        self.assertTrue((self.folder / "pipe").is_fifo())

    def test_a_worker_that_dies_is_no_answer(self):
        # Expect a plan whose worker is killed to end without an answer, and not with the exit code
        # that says there is none.
        path = self.folder / "plan.yaml"
        path.write_text(PLAN.replace("requests: 800", "requests: 200000"))
        with subprocess.Popen([self.program, "plan", str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
            os.kill(self.wait_for_children(process, 1)[0], signal.SIGKILL)
            stdout, stderr = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 4)
        self.assertEqual(stdout, b"")
        self.assertIn(b"tandem plan: a worker died of signal 9 (Killed)", stderr)

    def test_memory_that_is_out_is_no_answer(self):
        # Expect a plan that is short of memory to give no answer until it has enough for the whole
        # one: from what hardly starts, in steps of 4 MiB.
        small = PLAN.replace("requests: 800", "requests: 200").replace("nodes: 3", "nodes: 1")
        whole = self.plan(small)
        for mib in range(24, 256, 4):
            def limit(room=mib << 20):
                resource.setrlimit(resource.RLIMIT_AS, (room, room))
            if self.tandem("--version", preexec_fn=limit).returncode != 0:
                continue  # with a sanitizer in it the program never starts
            done = self.tandem("plan", self.folder / "plan.yaml", "-j", "2", preexec_fn=limit)
            if done.returncode != 4:
                self.assertEqual(done.returncode, whole.returncode, done.stderr)
                self.assertEqual(done.stdout, whole.stdout)
                break
            self.assertEqual(done.stdout, "")


class Shipped(PlanTest):
    def test_the_shipped_plans_have_an_answer(self):
        # Expect each of them, by its name under configs/, to find something, on fewer requests than
        # it asks for.
        for path in sorted((ROOT / "configs" / "plans").glob("*.yaml")):
            with self.subTest(path=path):
                answer = self.tandem_ok("plan", f"plans/{path.stem}", "--set",
                                        "workload.requests=1000")
                self.assertRegex(answer, "(?m)^(Buy|Rent) ")


if __name__ == "__main__":
    main()
