#!/usr/bin/python3
"""tandem run: are its results, messages and exit codes what a person needs?"""

import json
import signal
import subprocess
import time

import h5py
import numpy
from tandem_cli import ENVIRONMENT, ROOT, SCENARIO, SMALL, TandemTest, main, shown_on_terminal

KEYS = (
    "version name seed model cluster layout slo requests duration_s requests_per_s input_tokens_per_s "
    "cached_input_share output_tokens_per_s goodput_requests_per_s ttft_s tpot_s itl_s e2e_s queue_s stages memory kv "
    "nodes pools kv_transfers links links_left_out costs warnings simulation"
).split()

# Long enough to be interrupted: a million requests.
LONG = [setting.replace("requests: 200", "requests: 1000000") for setting in SMALL]


class Run(TandemTest):
    def test_json_has_the_promised_keys(self):
        # Expect one object with the documented keys in order, and shares of time that sum to 1.
        result = json.loads(self.tandem_ok("run", SCENARIO, *SMALL, "--json"))
        self.assertEqual(list(result), KEYS)
        self.assertEqual(list(result["requests"]), "arrived completed rejected preemptions retried lost warmup".split())
        self.assertEqual(list(result["ttft_s"]), "mean p50 p90 p95 p99 max".split())
        self.assertEqual(list(result["slo"]), "ttft_s tpot_s percentile met share".split())
        self.assertEqual(result["name"], "default")
        self.assertEqual(result["requests"]["arrived"], 200)
        self.assertEqual(result["requests"]["completed"], 200)
        self.assertGreater(len(result["stages"]), 0)
        for stage in result["stages"]:
            total = sum(stage["busy"].values()) + sum(stage["idle"].values())
            self.assertAlmostEqual(total, 1, places=9)

    def test_a_scenario_is_not_called_what_its_base_is(self):
        # Expect the name and description that the scenario's own file gives, before all else, and
        # none where it gives none, also where it stands between.
        middle, scenario = self.folder / "middle.yaml", self.folder / "own.yaml"
        middle.write_text(f"base: {SCENARIO}\n")
        for words, name in (("", None), ("name: own\ndescription: mine\n", "own")):
            scenario.write_text(f"base: middle.yaml\n{words}")
            output = self.folder / "run.h5"
            result = json.loads(self.tandem_ok("run", scenario, *SMALL, "--json", "-o", output))
            self.assertEqual(result["name"], name)
            with h5py.File(output) as file:
                self.assertEqual(file.attrs["scenario"].partition("model:")[0], words)

    def test_text_names_the_essentials(self):
        # Expect the headline numbers, latencies, stages and memory, and nothing on stderr.
        done = self.tandem("run", SCENARIO, *SMALL)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        for word in ("200 of 200 completed", "requests/s", "TTFT", "p99", "stage", "KV cache"):
            self.assertIn(word, done.stdout)

    def test_a_rejected_request_misses_the_slo(self):
        # Expect requests that can never fit to count against the SLO: of 200, some 10% are longer
        # than KV has room for, and at most 5% may miss.
        settings = [*SMALL, "--set", "layout.tensor_parallel=2", "--set", "layout.pipeline_parallel=1",
                    "--set", "workload.input_tokens={distribution: uniform, min: 1000, max: 24000}",
                    "--set", "workload.arrivals.rate=0.1 /s",
                    "--set", "slo={ttft: 60 s, tpot: 1 s, percentile: 95}"]
        result = json.loads(self.tandem_ok("run", SCENARIO, *settings, "--json"))
        rejected = result["requests"]["rejected"]
        self.assertGreater(rejected, 10)
        self.assertEqual(result["requests"]["completed"] + rejected, 200)
        self.assertAlmostEqual(result["slo"]["share"], 1 - rejected / 200)
        self.assertFalse(result["slo"]["met"])
        text = self.tandem_ok("run", SCENARIO, *settings)
        self.assertIn(f"({(1 - rejected / 200) * 100:.1f}%) within", text)
        self.assertIn("SLO at p95 MISSED", text)
        self.assertIn(f"{rejected} of 200 requests were rejected", text)

    def test_lost_requests_are_told(self):
        # Expect a run whose only node fails for good to say what was lost, and to miss the SLO.
        settings = [*SMALL, "--set", "events=[{at: 2 s, down: {node: 0}}]"]
        result = json.loads(self.tandem_ok("run", SCENARIO, *settings, "--json"))
        self.assertGreater(result["requests"]["lost"], 100)
        self.assertEqual(result["requests"]["completed"] + result["requests"]["lost"], 200)
        self.assertFalse(result["slo"]["met"])
        self.assertIn("requests_lost", [warning["code"] for warning in result["warnings"]])

    def test_the_warm_up_counts_nowhere(self):
        # Expect all requests to be counted or left out, the counts to be of one set, as latencies
        # are, and a warm-up that leaves nothing to be told as that and no SLO missed.
        settings = [*SMALL, "--set", "run.warmup=10 s", "-o", self.folder / "out.h5"]
        requests = json.loads(self.tandem_ok("run", SCENARIO, *settings, "--json"))["requests"]
        self.assertGreater(requests["warmup"], 0)
        self.assertEqual(requests["arrived"], requests["completed"])
        self.assertEqual(requests["arrived"] + requests["warmup"], 200)
        with h5py.File(self.folder / "out.h5") as file:
            late = file["requests"]["arrival_s"] >= 10
        self.assertEqual(requests["arrived"], numpy.count_nonzero(late))
        text = self.tandem_ok("run", SCENARIO, *settings)
        self.assertIn(f"the warm-up's {requests['warmup']} are left out", text)
        text = self.tandem_ok("run", SCENARIO, *SMALL, "--set", "run.warmup=1 h")
        self.assertIn("none counted: 200 arrived in the warm-up", text)
        self.assertIn("nothing_counted", text)
        self.assertNotIn("MISSED", text)

    def test_text_names_the_pools(self):
        # Expect stages and memory of two pools under the name of each.
        lines = self.tandem_ok("run", "scenarios/70b-disaggregated", *SMALL).splitlines()
        for name in ("prefill", "decode"):
            self.assertEqual(lines.count(name), 2)

    def test_exact_gives_the_same_result(self):
        # Expect --exact to change how it is computed, and not what comes out: of a dense model, and
        # of a mixture whose experts were measured as one operation.
        for scenario in (SCENARIO, "scenarios/moe-expert-parallel"):
            results = []
            for option in ([], ["--exact"]):
                result = json.loads(self.tandem_ok("run", scenario, *SMALL, "--json", *option))
                del result["simulation"]
                results.append(result)
            self.assertEqual(results[0], results[1])

    def test_time_ends_with_a_sentence(self):
        """A step of hours, or a run of months, is more than the clock holds: the run fails, by
        steps or at once, and leaves no file."""
        output = self.folder / "out.h5"
        one_by_one = ("workload={arrivals: {process: closed_loop, concurrency: 1}, requests: 200,"
                      " input_tokens: 16, output_tokens: 2000}")
        for factor, said in (("1e6", "more than the 1000 s that a stage may take for it"),
                             ("1e4", "goes on beyond the 104 days that the clock holds")):
            slow = f"events=[{{at: 0 s, slow: {{gpu: 0, factor: {factor}}}}}]"
            for options in ((), ("--exact",)):
                done = self.tandem("run", SCENARIO, "-q", "--set", one_by_one, "--set", slow,
                                   "-o", output, *options)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_kernels_longer_than_the_clock(self):
        # Expect kernels that alone would outlast the clock to end the run as any step does that is
        # too long, also where each kernel is recorded.
        output = self.folder / "out.h5"
        for timeline in ("none", "layers"):
            done = self.tandem("run", "scenarios/bench-blis", "-q", "--timeline", timeline, "-o",
                               output, "--set", "cluster.gpu.efficiency.attention_compute=1e-300")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("more than the 1000 s that a stage may take for it", done.stderr)
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_expert_parallel_over_one_is_tensor_parallel(self):
        # Expect experts that no GPU holds whole to be split as they are without the option, to the
        # bit, whatever the imbalance, of which a warning says that it does nothing; and whole ones to
        # change the result.
        moe = [*SMALL, "--set", "model=models/mixtral-8x7b", "--json"]
        options = [[], ["--set", "layout.expert_parallel=1", "--set", "layout.expert_imbalance=2"],
                   ["--set", "layout.expert_parallel=4"]]
        results = []
        for option in options:
            result = json.loads(self.tandem_ok("run", SCENARIO, *moe, *option))
            del result["simulation"]
            results.append(result)
        warned = [each for each in results[1]["warnings"] if each["code"] == "without_effect"]
        self.assertEqual(len(warned), 1)
        results[1]["warnings"].remove(warned[0])
        self.assertEqual(results[0], results[1])
        self.assertNotEqual(results[0]["tpot_s"], results[2]["tpot_s"])

    def test_set_overrides(self):
        # Expect --set to reach the layout: four stages instead of two.
        out = self.tandem_ok(
            "run", SCENARIO, *SMALL, "--json", "--set", "layout.pipeline_parallel=4",
            "--set", "layout.tensor_parallel=2",
        )
        self.assertEqual([stage["stage"] for stage in json.loads(out)["stages"]], [0, 1, 2, 3])

    def test_wrong_use(self):
        # Expect exit code 2, a word on what is wrong and where help is, and no result.
        for arguments, message in (
            (["run"], "which scenario?"),
            (["run", "a.yaml", "b.yaml"], "what is 'b.yaml'?"),
            (["run", SCENARIO, "--frobnicate"], "unknown option '--frobnicate'"),
            (["run", SCENARIO, "-z"], "unknown option '-z'"),
            (["run", SCENARIO, "--set"], "option '--set' needs a value"),
            (["run", SCENARIO, "--timeline", "all"], "none, steps or layers, not 'all'"),
            (["run", SCENARIO, "--timeline", "steps"], "--timeline goes with -o FILE"),
            (["frobnicate"], "there is no command 'frobnicate'"),
            ([], "usage: tandem"),
        ):
            with self.subTest(arguments=arguments):
                done = self.tandem(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_bad_configuration(self):
        # Expect exit code 3 and every mistake at once.
        done = self.tandem("run", SCENARIO, "--set", "layout.tensor_paralel=4", "--set", "foo=1")
        self.assertEqual(done.returncode, 3)
        self.assertIn("did you mean 'tensor_parallel'?", done.stderr)
        self.assertIn("unknown key 'foo'", done.stderr)

    def test_arrivals_beyond_the_clock_are_located(self):
        # Expect a rate at which requests arrive beyond the clock to be shown where it is given.
        for text in ("1e-6 /s", "0.000001 /s"):
            done = self.tandem("run", SCENARIO, *SMALL, "--set", f"workload.arrivals.rate={text}")
            self.assertEqual(done.returncode, 3)
            self.assertRegex(done.stderr, f"^--set workload.arrivals.rate={text}: \\d+ requests at 1e-06 /s "
                             "would arrive beyond the 104 days that the clock holds\n")

    def test_what_is_set_last_is_to_blame(self):
        # Expect of two of a model's keys that do not go together the one that was set over the other,
        # by an option or in a file on another's base.
        mine = self.folder / "mine.yaml"
        message = "'kv_heads' must divide the {} heads into equal groups, which {} does not"
        for key, heads, kv_heads in (("heads", 65, 8), ("kv_heads", 64, 7)):
            value = heads if key == "heads" else kv_heads
            text = message.format(heads, kv_heads)
            done = self.tandem("run", SCENARIO, "--set", f"model.{key}={value}")
            self.assertIn(f"--set model.{key}={value}: {text}", done.stderr)
            mine.write_text(f"base: scenarios/default\nmodel: {{base: models/llama-3.1-70b, {key}: {value}}}\n")
            self.assertIn(f"{mine}:2:", self.tandem("run", mine).stderr)

    def test_files_of_other_commands(self):
        # Expect a sweep and a plan to be called so where they name their scenario, and nothing else.
        for name, kind in (("sweeps/70b-engine", "sweep"), ("plans/70b-chat", "plan")):
            done = self.tandem("run", ROOT / "configs" / f"{name}.yaml")
            self.assertEqual(done.returncode, 3)
            self.assertRegex(done.stderr, r"yaml:\d+:1: this is no scenario but has one, as a "
                             f"{kind} does: it is for 'tandem {kind}'")
            self.assertNotIn("missing", done.stderr)

    def test_bad_trace(self):
        # Expect exit code 3, the trace's line, and no file of results.
        trace = self.folder / "bad.csv"
        trace.write_text("arrival_s,input_tokens,output_tokens\n0.5,100,10\n0.6,many,10\n")
        output = self.folder / "out.h5"
        done = self.tandem(
            "run", SCENARIO, "-o", output, "--set", f"workload={{trace: {{file: {trace}}}}}"
        )
        self.assertEqual(done.returncode, 3)
        self.assertIn("bad.csv:3:", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [trace])

    def test_a_trace_of_another_format_than_inherited(self):
        # Expect a trace of any format to do for what stands on the shipped default; and where a file
        # below names another format, the error to say where, which format it is, and what to do.
        (self.folder / "azure.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                                               "2023-11-16 18:15:46.6805900,374,44\n")
        mine, below = self.folder / "mine.yaml", self.folder / "below.yaml"
        mine.write_text("base: scenarios/default\nworkload: {trace: {file: azure.csv}}\n")
        run = json.loads(self.tandem_ok("run", mine, "--json"))
        self.assertEqual(run["requests"]["completed"], 1)
        below.write_text("base: scenarios/default\nworkload:\n  trace: {format: tandem}\n")
        mine.write_text("base: below.yaml\nworkload: {trace: {file: azure.csv}}\n")
        done = self.tandem("run", mine)
        self.assertEqual(done.returncode, 3)
        self.assertIn("azure.csv:1:1: expected arrival_s,input_tokens,output_tokens", done.stderr)
        self.assertIn(f"{below}:3:19: note: 'format' is tandem here, and the trace is of azure; leave "
                      "'format' out, or set it to auto\n    3 |   trace: {format: tandem}\n", done.stderr)

    def test_input_and_output_failures(self):
        # Expect exit code 4 and the system's words.
        with open("/dev/full", "w") as full:
            calls = (
                (["run", "/nonexistent.yaml"], {}, "No such file or directory"),
                (["run", SCENARIO, *SMALL, "-o", "/nonexistent/out.h5"], {}, "No such file"),
                (["run", SCENARIO, *SMALL, "-o", self.folder], {}, "not a regular file"),
                (["run", SCENARIO, *SMALL, "-o", ""], {}, "a file without a name"),
                (["run", SCENARIO, *SMALL], {"stdout": full}, "No space left on device"),
                (["run", SCENARIO, *SMALL, "--json"], {"stdout": full}, "No space left"),
            )
            for arguments, options, message in calls:
                with self.subTest(arguments=arguments):
                    done = self.tandem(*arguments, **options)
                    self.assertEqual(done.returncode, 4)
                    self.assertIn(message, done.stderr)

    def test_help_that_nobody_gets(self):
        # Expect help and version on a full disk to be told from help that was read.
        commands = ("run", "check", "sweep", "merge", "collective", "plan", "trace", "calibrate",
                    "compare", "export")
        helps = [[command, "--help"] for command in commands]
        with open("/dev/full", "w") as full:
            for arguments in (["--help"], ["--version"], ["trace", "info", "--help"], *helps):
                with self.subTest(arguments=arguments):
                    done = self.tandem(*arguments, stdout=full)
                    self.assertEqual(done.returncode, 4)
                    self.assertIn("No space left on device", done.stderr)

    def test_help_and_version(self):
        # Expect both on stdout, with exit code 0.
        self.assertIn("--timeline", self.tandem_ok("run", "--help"))
        self.assertIn("check", self.tandem_ok("--help"))
        self.assertRegex(self.tandem_ok("--version"), r"^tandem \d+\.\d+\.\d+\n$")

    def test_interrupt_leaves_nothing(self):
        # Expect Ctrl-C to end the run by that signal, with a word and without a partial file.
        output = self.folder / "out.h5"
        partial = self.folder / "out.h5.partial"
        with subprocess.Popen(
            [self.program, "run", SCENARIO, *LONG, "-o", str(output)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            deadline = time.monotonic() + 60
            while not partial.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertTrue(partial.exists())
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn(b"interrupted after", stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def progress_of(self, *options):
        """What a long run that is interrupted after two seconds shows on a terminal."""
        command = [self.program, "run", SCENARIO, *LONG, "-o", str(self.folder / "out.h5"), *options]

        def run(terminal):
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal,
                                  env=ENVIRONMENT) as process:
                time.sleep(2)
                process.terminate()
                process.wait(timeout=60)

        return shown_on_terminal(run)

    def test_progress_on_a_terminal(self):
        # Expect a bar with count, rate and time left on a terminal, and none with --quiet.
        self.assertRegex(self.progress_of(), r"\[=*>? *\] +\d+%  [\d,]+ requests  [\d,.]+/s  .* left")
        self.assertNotIn("%", self.progress_of("--quiet"))


if __name__ == "__main__":
    main()
