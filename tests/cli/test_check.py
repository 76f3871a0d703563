#!/usr/bin/python3
"""tandem check: does it show what a scenario comes to, without running it?"""

import json
import os
import re
import resource
from pathlib import Path

from tandem_cli import ROOT, SCENARIO, TandemTest, main


# A layer's, as the group's keys have them.
COLLECTIVES = ["all_reduces", "reduce_scatters", "all_gathers", "dispatches", "combines"]


class Check(TandemTest):
    def check_json(self, *options):
        return json.loads(self.tandem_ok("check", SCENARIO, "--json", *options))

    def test_shipped_models_have_the_published_parameters(self):
        """Billions, as their publishers count them: to half a percent, norms and rounding."""
        published = {"llama-2-70b": 68.98, "llama-3.1-8b": 8.03, "llama-3.1-70b": 70.55,
                     "llama-3.1-405b": 405.85, "mixtral-8x7b": 46.7, "qwen3-8b": 8.19,
                     "qwen3-32b": 32.76, "qwen3-30b-a3b": 30.53, "qwen3-235b-a22b": 235.09}
        shipped = {path.stem for path in (ROOT / "configs/models").glob("*.yaml")}
        self.assertEqual(shipped, set(published))
        for model, billions in published.items():
            checked = self.check_json(
                "--set", f"model=models/{model}", "--set",
                "layout={tensor_parallel: 1, pipeline_parallel: 1}", "--set",
                "cluster.gpu.memory=2 TB")
            found = checked["memory"][0]["weights_bytes"] / 2e9
            self.assertLess(abs(found / billions - 1), 0.005, (model, found))

    def test_layers_and_gpus_are_all_there_once(self):
        # Expect the stages to hold every layer once, in order, and no GPU twice.
        result = self.check_json("--set", "layout={tensor_parallel: 2, pipeline_parallel: 4}")
        self.assertEqual(result["layout"]["gpus"], 8)
        layers = 0
        for stage in result["stages"]:
            self.assertEqual(stage["first_layer"], layers)
            self.assertEqual(len(stage["gpus"]), 2)
            layers += stage["layers"]
        self.assertEqual(layers, 80)
        gpus = [gpu for stage in result["stages"] for gpu in stage["gpus"]]
        self.assertEqual(sorted(gpus), list(range(8)))

    def test_shipped_scenarios_are_found_from_anywhere(self):
        # Expect the name under configs/ to do where no such file is here.
        done = self.tandem("check", "scenarios/default", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Llama-3.1-70B", done.stdout)

    def test_text_names_the_pools(self):
        # Expect the layout of either pool behind its name.
        text = self.tandem_ok("check", "scenarios/70b-disaggregated")
        for pool, layout in (("prefills", "TP=4"), ("decodes", "TP=8")):
            self.assertRegex(text, rf"(?m)^the pool that {pool}: Llama-3.1-70B on .*: {layout} x PP=1")

    def test_memory_adds_up(self):
        # Expect weights + activations + reserve + KV to be the utilized part of a GPU's memory.
        result = self.check_json("--set", "engine.memory_utilization=0.5",
                                 "--set", "cluster.gpu.memory=100 GB")
        for stage in result["memory"]:
            total = sum(value for key, value in stage.items() if key.endswith("_bytes"))
            self.assertAlmostEqual(total, 50e9, delta=1)
        self.assertGreater(result["kv"]["capacity_tokens"], 0)

    def test_links(self):
        # Expect a larger all-reduce to take longer, and the hop to take latency + bytes / bandwidth.
        result = self.check_json()
        times = [one["time_s"] for one in result["tensor_parallel_group"]["all_reduces"]]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 0)
        hop = result["stage_hop"]
        self.assertGreater(hop["bytes"], 0)
        expected = hop["latency_s"] + hop["bytes"] / hop["bandwidth_bytes_per_s"]
        self.assertAlmostEqual(hop["time_s"] / expected, 1, places=9)

    def test_routes_are_those_of_the_algorithm(self):
        # Expect a group inside a node to go round it; one on two nodes to go round each and from
        # each GPU's NIC to its peer's, and the text to say so too.
        ways = self.check_json()["tensor_parallel_group"]["ways"]
        self.assertEqual(ways, {"ring": ["node0/gpu0>nvswitch", "node0/nvswitch>gpu1"]})
        wide = ["--set", "cluster=clusters/hgx-h100-2-nodes",
                "--set", "layout={tensor_parallel: 16}"]
        ways = self.check_json(*wide)["tensor_parallel_group"]["ways"]
        self.assertEqual(list(ways), ["inside", "across"])
        self.assertEqual(ways["inside"], ["node0/gpu0>nvswitch", "node0/nvswitch>gpu1"])
        for link in ("node0/nic0>network", "node1/network>nic0"):
            self.assertIn(link, ways["across"])
        text = self.tandem_ok("check", SCENARIO, *wide)
        self.assertRegex(text, r"in a node +node0/gpu0>nvswitch.*\n +across +node0/gpu0>bridge0")

    def check_and_run(self, *options):
        """The warning of requests that check sees rejected, if any; those that a run rejects."""
        said = [one["text"] for one in self.check_json(*options)["warnings"]
                if one["code"] == "requests_rejected"]
        ran = json.loads(self.tandem_ok("run", SCENARIO, "--json", "-q", *options))["requests"]
        return said, ran["rejected"], ran["arrived"]

    def test_requests_that_no_replica_can_serve(self):
        # Expect the run's own count, before it: of prompts longer than all KV, of those longer than
        # a step where they go whole, drawn or of a trace, within warm-up and duration; of a pool
        # that decodes; in a closed loop too.
        lengths = ("input_tokens: {distribution: lognormal, mean: 2000, cv: 1, max: 30000},"
                   " output_tokens: 20")
        drawn = f"workload={{arrivals: {{process: poisson, rate: 4 /s}}, requests: 400, {lengths}}}"
        closed = ("workload={arrivals: {process: closed_loop, concurrency: 4}, requests: 100, "
                  + lengths + "}")
        trace = self.folder / "long.csv"
        trace.write_text("arrival_s,input_tokens,output_tokens\n0,100,10\n1,9000,10\n2,100,9000\n")
        small = ["--set", "engine.kv_tokens=8192"]
        counted = ["--set", "run.warmup=20 s", "--set", "run.duration=60 s"]
        pools = "layout={pools: {prefill: {tensor_parallel: 4}, decode: {tensor_parallel: 4,"
        pools += " engine: {kv_tokens: 8192}}}}"
        for options in (["--set", drawn, *small],
                        ["--set", drawn, "--set", pools],
                        ["--set", drawn, *small, *counted],
                        ["--set", drawn, "--set", "engine.policy=prefill_first"],
                        ["--set", drawn, "--set", "engine.policy=continuous", *counted],
                        ["--set", closed, *small],
                        ["--set", f"workload.trace={{file: {trace}}}", *small]):
            said, rejected, arrived = self.check_and_run(*options)
            self.assertGreater(rejected, 0, options)
            self.assertEqual(len(said), 1, options)
            self.assertIn(f"{rejected} of {arrived} requests will be rejected", said[0])
        self.assertIn("capacity of 8192 tokens", said[0])
        self.assertIn("the longest has 100 input and 9000 output tokens", said[0])
        self.assertIn("2 of 3 requests will be rejected",
                      " ".join(self.tandem_ok("check", SCENARIO, *options).split()))

    def test_requests_that_fit_are_no_warning(self):
        # Expect none where the longest can be served, and none of the requests that come after the
        # duration; nothing is read of a trace that can be read but once.
        said, rejected, _ = self.check_and_run()
        self.assertEqual((said, rejected), ([], 0))
        trace = self.folder / "late.csv"
        trace.write_text("arrival_s,input_tokens,output_tokens\n0,100,10\n9,9000,10\n")
        said, rejected, _ = self.check_and_run(
            "--set", f"workload.trace={{file: {trace}}}", "--set", "engine.kv_tokens=8192",
            "--set", "run.duration=5 s")
        self.assertEqual((said, rejected), ([], 0))
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        self.check_json("--set", f"workload.trace={{file: {pipe}}}")

    def test_a_bad_trace_is_told(self):
        # Expect its line, as a run of it would say.
        trace = self.folder / "bad.csv"
        trace.write_text("arrival_s,input_tokens,output_tokens\n0,10,10\n1,ten,10\n")
        done = self.tandem("check", SCENARIO, "--set", f"workload.trace={{file: {trace}}}")
        self.assertEqual(done.returncode, 3)
        self.assertIn("bad.csv:3", done.stderr)

    def test_sequence_parallel(self):
        # Expect two collectives in an all-reduce's place, an eighth of the residual's memory in its
        # place, and the heading to say so.
        plain = self.check_json()
        result = self.check_json("--set", "layout.sequence_parallel=true")
        group = result["tensor_parallel_group"]
        self.assertTrue(result["layout"]["sequence_parallel"])
        self.assertEqual([len(group[kind]) for kind in COLLECTIVES], [0, 3, 3, 0, 0])
        self.assertLess(result["memory"][0]["activation_bytes"],
                        plain["memory"][0]["activation_bytes"])
        # Expect each of the four GPUs to send a quarter to the next stage.
        self.assertEqual(result["stage_hop"]["bytes"], plain["stage_hop"]["bytes"] / 4)
        text = self.tandem_ok("check", SCENARIO, "--set", "layout.sequence_parallel=true")
        for word in ("sequence parallel", "reduce-scatter", "all-gather"):
            self.assertIn(word, text)

    def test_keys_without_effect(self):
        # Expect what is set and changes nothing to be warned of, and not printed as if in force; of
        # switches that reduce only where measured collectives take their place, as over eight GPUs'
        # NVLink they do, and for one GPU, which has no collectives, they do not.
        one = ["--set", "model=models/llama-3.1-8b", "--set", "layout.tensor_parallel=1", "--set",
               "layout.pipeline_parallel=1", "--set", "layout.sequence_parallel=true"]
        eight = ["--set", "layout.tensor_parallel=8", "--set", "layout.pipeline_parallel=1"]
        switch = ["--set", "cluster.nvlink_reduces=true"]
        for options, part in ((one, "sequence_parallel, for a stage is one GPU"),
                              (eight + switch, "nvlink_reduces, for the GPU's measured collectives")):
            warnings = {each["code"]: each["text"] for each in self.check_json(*options)["warnings"]}
            self.assertIn(part, warnings["without_effect"])
        text = self.tandem_ok("check", SCENARIO, *one, *switch)
        self.assertNotIn("sequence parallel", text.splitlines()[0])
        self.assertNotIn("nvlink_reduces", text)
        self.assertNotIn("without_effect", self.tandem_ok("check", SCENARIO))

    def test_expert_parallel(self):
        # Expect the experts' own collectives, as many bytes of weights as split experts have, and
        # what the busiest GPU takes over the mean.
        moe = ["--set", "model=models/mixtral-8x7b"]
        plain = self.check_json(*moe)
        whole = [*moe, "--set", "layout.expert_parallel=4", "--set", "layout.expert_imbalance=1.5"]
        result = self.check_json(*whole)
        group = result["tensor_parallel_group"]
        self.assertEqual(result["layout"]["expert_parallel"], 4)
        self.assertEqual([len(group[kind]) for kind in COLLECTIVES], [0, 3, 3, 3, 3])
        self.assertEqual(result["memory"][0]["weights_bytes"], plain["memory"][0]["weights_bytes"])
        largest = group["experts"][-1]
        self.assertGreater(largest["busiest_s"], 1.2 * largest["mean_s"])
        self.assertIn("experts_imbalanced", [warning["code"] for warning in result["warnings"]])
        text = self.tandem_ok("check", SCENARIO, *whole)
        for word in ("EP=4", "dispatch", "combine", "busiest"):
            self.assertIn(word, text)
        # Expect vLLM's, whose GPUs have all tokens, to exchange as split experts do.
        summed = self.check_json(*whole, "--set", "engine.host=engines/vllm-v1")
        self.assertEqual([len(summed["tensor_parallel_group"][kind]) for kind in COLLECTIVES],
                         [len(plain["tensor_parallel_group"][kind]) for kind in COLLECTIVES])
        self.assertEqual(summed["layout"]["expert_parallel"], 4)

    def test_warnings_cost_what_the_rest_does(self):
        # Expect the layer that waits for the busiest experts to take longer than those experts do,
        # and to gain what they would: the warning's times are of the GPU's tables, as theirs are.
        whole = ["--set", "model=models/mixtral-8x7b", "--set", "cluster=clusters/hgx-a100",
                 "--set", "layout.expert_parallel=4", "--set", "layout.expert_imbalance=1.2"]
        result = self.check_json(*whole)
        experts = result["tensor_parallel_group"]["experts"][-1]
        warnings = {warning["code"]: warning["text"] for warning in result["warnings"]}
        times = re.search(r"a layer takes ([\d.]+) us.* and ([\d.]+) us",
                          warnings["experts_imbalanced"])
        busiest_s, mean_s = (float(time) * 1e-6 for time in times.groups())
        self.assertGreater(busiest_s, experts["busiest_s"])
        self.assertGreater(busiest_s - mean_s, 0.99 * (experts["busiest_s"] - experts["mean_s"]))
        # Expect the same of the collectives over PCIe: two all-reduces a layer.
        result = self.check_json("--set", "cluster=clusters/pcie-l40s", "--set",
                                 "model=models/llama-3.1-8b")
        reduces = result["tensor_parallel_group"]["all_reduces"]
        warnings = {warning["code"]: warning["text"] for warning in result["warnings"]}
        times = re.search(r"take ([\d.]+) and ([\d.]+) us", warnings["tp_over_pcie"])
        for time, reduce in zip(times.groups(), (reduces[0], reduces[-1])):
            self.assertAlmostEqual(float(time), 2e6 * reduce["time_s"], delta=0.06)

    def test_requests_beyond_the_context(self):
        # Expect of a model of 4,096 tokens, without running anything, what a run counts: a prompt
        # of 4,096 or more is rejected, an output that goes beyond is cut there, the rest is served.
        trace = self.folder / "long.csv"
        with open(trace, "w", encoding="ascii") as file:
            file.write("arrival_s,input_tokens,output_tokens\n0,126195,10\n1,4096,1\n2,4095,9\n"
                       "3,4000,96\n4,4000,97\n")
        options = ["--set", "model=models/llama-2-70b", "--set", f"workload={{trace: {{file: {trace}}}}}",
                   "--set", "run={}"]
        result = json.loads(self.tandem_ok("run", SCENARIO, *options, "--json", "--quiet"))
        self.assertEqual((result["requests"]["rejected"], result["requests"]["completed"]), (2, 3))
        # 1 + 96 + 96 tokens of output, whose prompts are 12,095.
        self.assertAlmostEqual(result["output_tokens_per_s"] / result["input_tokens_per_s"],
                               193 / 12095)
        warnings = {each["code"]: each["text"] for each in result["warnings"]}
        self.assertIn("of 5 requests 2 are rejected", warnings["context_exceeded"])
        self.assertIn("the output of 2 is cut", warnings["context_exceeded"])
        self.assertNotIn("requests_rejected", warnings)
        checked = {each["code"]: each["text"] for each in self.check_json(*options)["warnings"]}
        self.assertEqual(checked["context_exceeded"], warnings["context_exceeded"])
        # Expect a model that says nothing of it to serve them all.
        free = json.loads(self.tandem_ok("run", SCENARIO, *options, "--set", "model.max_context=1000000",
                                         "--json", "--quiet"))
        self.assertEqual(free["requests"]["completed"], 5)

    def test_one_gpu_a_stage_has_no_group(self):
        # Expect null where there is no collective or no hop.
        small = ["--set", "model=models/llama-3.1-8b"]
        result = self.check_json(*small, "--set", "layout={tensor_parallel: 1}")
        self.assertIsNone(result["tensor_parallel_group"])
        self.assertIsNone(result["stage_hop"])

    def test_text(self):
        # Expect the layout, the memory and the links on stdout, and nothing on stderr.
        done = self.tandem("check", SCENARIO)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        for word in ("TP=4 x PP=2", "node 0: 0-3", "node 0: 4-7", "all-reduce", "KV cache"):
            self.assertIn(word, done.stdout)

    def test_warning(self):
        # Expect TP over PCIe to be warned about, with a number.
        result = self.check_json("--set", "cluster=clusters/pcie-h100")
        warnings = {warning["code"]: warning["text"] for warning in result["warnings"]}
        self.assertRegex(warnings["tp_over_pcie"], r"\d")

    def test_recommendations(self):
        # Expect a layout and a reason for each goal: for latency with NVLink, TP in the node.
        result = self.check_json("--recommend")
        goals = {one["goal"]: one for one in result["recommendations"]}
        self.assertEqual(set(goals), {"latency", "throughput"})
        self.assertEqual(goals["latency"]["tensor_parallel"], 8)
        self.assertIn("NVLink", goals["latency"]["reason"])
        self.assertNotIn("recommendations", self.check_json())

    def test_layout_that_does_not_fit(self):
        # Expect exit code 3, by how much, layouts that fit; the rules' layouts are printed too.
        one_gpu = ["--set", "layout={tensor_parallel: 1}"]
        done = self.tandem("check", SCENARIO, *one_gpu, "--recommend")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"too few; layouts that fit: TP=2")
        self.assertIn("for latency: TP=8", done.stdout)

    def test_a_step_beyond_all_memory_costs_nothing(self):
        # Expect a step of 16 million tokens, which no GPU holds, to be refused for its activations
        # within 600 MB of memory, where costs of each number of tokens would take four times that.
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
        if self.tandem("--version", preexec_fn=limit).returncode != 0:
            self.skipTest("with a sanitizer in it the program never starts")
        done = self.tandem("check", SCENARIO, "--set", "engine.max_step_tokens=16777216",
                           preexec_fn=limit)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr, r"does not fit .* activations [\d.]+,")

    def test_what_the_simulator_finds_is_shown_where_it_stands(self):
        # Expect the place of the key that is wrong, of its mapping where it is left out or where
        # several are to blame, and the option where one gave it; with a caret where there is a
        # line, and the same from every command.
        base = Path(SCENARIO).parent
        pools = "layout: {replicas: 1, pools: {prefill: {pipeline_parallel: 1},\n  decode: {tensor_parallel: 3}}}"
        cases = {
            "layout: {stage_layers: [40, 41]}": "2:24: stage_layers sums to 81 layers",
            "layout: {tensor_parallel: 3}": "2:27: heads 64 of .* not divisible",
            "layout: {replicas: 9}": "2:1: tensor_parallel 4 x pipeline_parallel 2 x 9 replicas",
            "layout: {tensor_parallel: 1,\n  pipeline_parallel: 1}": "2:1: .* does not fit",
            "engine:\n  kv_tokens: 1": "3:14: kv_tokens 1 is less than one block",
            pools: "3:29: heads 64 of .* not divisible",
            "events:\n- {at: 1 s, slow: {node: 0, factor: 2}}\n- {at: 1 s, down: {link: foo}}":
                "4:26: cluster 'hgx-h100' has no link 'foo'",
        }
        scenario = self.folder / "wrong.yaml"
        for text, message in cases.items():
            scenario.write_text(f"base: {base}/default.yaml\n{text}\n")
            for command in (["check"], ["run", "-q"]):
                with self.subTest(text=text, command=command):
                    done = self.tandem(*command, scenario)
                    self.assertEqual(done.returncode, 3)
                    self.assertRegex(done.stderr, f"^{re.escape(str(scenario))}:{message}")
                    column = int(message.split(":")[1])
                    self.assertEqual(done.stderr.splitlines()[2], "      | " + " " * (column - 1) + "^")
        done = self.tandem("check", SCENARIO, "--set", "layout={replicas: 16}")
        self.assertRegex(done.stderr, r"^--set layout={replicas: 16}: .* needs 16 GPUs")
        three = ["--set", "layout.tensor_parallel=3"]
        for command in (["check"], ["run"], ["export", "--format", "dot"]):
            with self.subTest(command=command):
                done = self.tandem(*command, SCENARIO, *three)
                self.assertEqual(done.returncode, 3)
                self.assertRegex(done.stderr, r"^--set layout\.tensor_parallel=3: heads 64 of .* not")

    def test_wrong_use(self):
        # Expect exit code 2 and where help is.
        done = self.tandem("check", SCENARIO, "--exact")
        self.assertEqual(done.returncode, 2)
        self.assertIn("See 'tandem check --help'.", done.stderr)
        self.assertIn("--recommend", self.tandem_ok("check", "--help"))


if __name__ == "__main__":
    main()
