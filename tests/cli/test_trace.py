#!/usr/bin/python3
"""tandem trace: does it make, describe and convert traces, and say what is wrong with bad ones?"""

import json
import math
import re

from tandem_cli import ROOT, SCENARIO, TandemTest, main

HEADER = "arrival_s,input_tokens,output_tokens\n"


class TraceTest(TandemTest):
    def trace(self, *arguments):
        return self.tandem("trace", *arguments, cwd=self.folder)

    def done(self, *arguments):
        """Standard output of a command that must succeed and say nothing else."""
        result = self.trace(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def fails(self, exit_code, message, *arguments):
        """A command that must fail, print nothing as its result, and say just `message`, beside
        the line of a file that it is of."""
        result = self.trace(*arguments)
        self.assertEqual((result.returncode, result.stdout), (exit_code, ""))
        said = re.sub(r"\n +\d+ \| .*\n +\| +\^$", "", result.stderr, flags=re.MULTILINE)
        self.assertEqual(said, message + "\n")

    def misused(self, subcommand, message, *arguments):
        """A command line that must be refused with `message`."""
        self.fails(2, f"tandem trace {subcommand}: {message}\nSee 'tandem trace {subcommand} --help'.",
                   subcommand, *arguments)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def info(self, name):
        return json.loads(self.done("info", name, "--json"))


class Info(TraceTest):
    def test_reusable_prefixes(self):
        # Blocks of 512 tokens. The second prompt begins with two blocks of the first, 1,024 tokens;
        # the third is the second over again, all 1,300; the fourth has blocks that came before, but
        # behind one that did not, and the fifth tells nothing: 2,324 of 4,536 + 100 tokens.
        lines = [(1536, [1, 2, 3]), (1300, [1, 2, 4]), (1300, [1, 2, 4]), (400, [9, 1, 2]), (100, None)]
        self.write("m.jsonl", "".join(
            json.dumps({"timestamp": i, "input_length": tokens, "output_length": 2,
                        **({"hash_ids": ids} if ids else {})}) + "\n"
            for i, (tokens, ids) in enumerate(lines)))
        self.assertAlmostEqual(self.info("m.jsonl")["reusable_input_share"], 2324 / 4636)
        self.assertIn("reusable       50.1% of the input tokens", self.done("info", "m.jsonl"))
        # Expect a run of it, and a check, to say that it computes them anew where nothing is found
        # again, 1.0 / (1 - 0.501), and nothing else.
        options = ["--set", f"workload={{trace: {{file: {self.folder / 'm.jsonl'}}}}}", "--set", "run={}"]
        for command in (("run", "--quiet"), ("check",)):
            for caching in ("true", "false"):
                result = json.loads(self.tandem_ok(
                    *command, SCENARIO, "--json", *options, "--set", f"engine.prefix_caching={caching}"))
                warnings = {each["code"]: each["text"] for each in result["warnings"]}
                self.assertEqual("prefixes_ignored" in warnings, caching == "false")
            self.assertIn("50% of the trace's input tokens", warnings["prefixes_ignored"])
            self.assertIn("2.0 times less", warnings["prefixes_ignored"])
        # Expect nothing of a trace that tells no blocks.
        self.write("t.csv", HEADER + "1,10,7\n2,10,7\n")
        self.assertIsNone(self.info("t.csv")["reusable_input_share"])
        self.assertNotIn("reusable", self.done("info", "t.csv"))

    def test_json(self):
        # Gaps of 1, 1 and 4 s: mean 2, sample standard deviation sqrt(3). Inputs 10, 20, 30, 40.
        self.write("t.csv", HEADER + "1,10,7\n2,20,7\n3,30,7\n7,40,7\n")
        info = self.info("t.csv")
        self.assertEqual((info["file"], info["format"]), ("t.csv", "tandem"))
        self.assertEqual((info["requests"], info["skipped"]), (4, 0))
        self.assertAlmostEqual(info["duration_s"], 6)
        self.assertAlmostEqual(info["requests_per_s"], 0.5)
        self.assertAlmostEqual(info["gap_cv"], math.sqrt(3) / 2)
        # Percentiles as numpy's default: linear between order statistics.
        expected = {"mean": 25, "p50": 25, "p90": 37, "p95": 38.5, "p99": 39.7, "max": 40,
                    "total": 100}
        self.assertEqual(info["input_tokens"].keys(), expected.keys())
        for key, value in expected.items():
            self.assertAlmostEqual(info["input_tokens"][key], value, msg=key)
        self.assertEqual(info["output_tokens"]["p99"], 7)

    def test_text(self):
        self.write("t.csv", HEADER + "1,10,7\n2,20,7\n3,30,7\n7,40,7\n")
        text = self.done("info", "t.csv")
        for line in ("requests       4", "rate           0.5 /s", "burstiness     0.866 (CV of"):
            self.assertIn(line, text)
        row = next(line for line in text.splitlines() if line.startswith("input "))
        self.assertEqual(row.split(), ["input", "25.0", "25", "37", "38", "40", "40"])

    def test_what_one_request_cannot_say_is_null(self):
        self.write("t.csv", HEADER + "1,10,7\n")
        info = self.info("t.csv")
        self.assertEqual((info["requests_per_s"], info["gap_cv"]), (None, None))
        self.assertEqual(info["input_tokens"]["p50"], 10)

    def test_failed_requests_are_counted(self):
        self.write("b.csv", "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                            "5,ChatGPT,472,18,490,API log\n9,ChatGPT,472,0,472,API log\n")
        result = self.trace("info", "b.csv", "--json")
        self.assertEqual(json.loads(result.stdout)["skipped"], 1)
        self.assertEqual(result.stderr,
                         "b.csv: warning: 1 request without input or output tokens left out\n")

    def test_errors(self):
        self.write("bad.csv", HEADER + "1,10,7\n2,ten,7\n")
        self.fails(3, "bad.csv:3:3: expected input_tokens as a whole number from 1 to 10000000, "
                      "found 'ten'", "info", "bad.csv")
        self.fails(4, "tandem trace info: none.csv: cannot be opened: No such file or directory",
                   "info", "none.csv")
        self.fails(3, "bad.csv:1:1: expected TIMESTAMP,ContextTokens,GeneratedTokens, found "
                      "'arrival_s,input_tokens,output_tokens'",
                   "info", "bad.csv", "--format", "azure")
        self.misused("info", "expected one file, found 0")
        self.misused("info", "unknown option '--jsn'", "--jsn")
        self.misused("info", "option '--format' needs a value", "--format")
        self.misused("info", "--format: expected tandem, azure, mooncake, burstgpt or auto, "
                             "found 'csv'", "bad.csv", "--format", "csv")


class Synth(TraceTest):
    SMALL = ("synth", "--rate", 4, "--requests", 5000, "--input", "lognormal:mean=500,cv=1,max=4096",
             "--output", "uniform:min=1,max=99")

    def test_has_the_statistics_that_were_asked_for(self):
        self.done(*self.SMALL, "--process", "gamma", "--cv", 2, "-o", "t.csv")
        info = self.info("t.csv")
        self.assertEqual(info["requests"], 5000)
        # Means of 5,000 draws: standard errors of 2.8% (gaps, CV 2), 1.4% and 0.8%; five allowed.
        self.assertAlmostEqual(info["requests_per_s"], 4, delta=4 * 0.14)
        self.assertAlmostEqual(info["gap_cv"], 2, delta=0.4)
        self.assertAlmostEqual(info["input_tokens"]["mean"], 500, delta=35)
        self.assertAlmostEqual(info["output_tokens"]["mean"], 50, delta=2)
        self.assertEqual(info["output_tokens"]["max"], 99)

    def test_same_seed_same_trace(self):
        first = self.done(*self.SMALL)
        self.assertTrue(first.startswith(HEADER))
        self.assertEqual(self.done(*self.SMALL), first)
        self.assertEqual(self.done(*self.SMALL, "--seed", 1), first)
        self.assertNotEqual(self.done(*self.SMALL, "--seed", 2), first)

    def test_constant_gaps_and_fixed_lengths(self):
        text = self.done("synth", "--rate", 2, "--process", "constant", "--requests", 2,
                         "--input", 512, "--output", "fixed:mean=3")
        self.assertEqual(text, HEADER + "0.500000000,512,3\n1.000000000,512,3\n")

    def test_lengths_from_files(self):
        # Half of the draws lie on each side of the middle quantile; a list gives its own counts.
        self.write("q.csv", "# a comment\nquantile,tokens\n0,10\n0.5,20\n1,1000\n")
        self.write("v.csv", "tokens\n5\n7\n")
        self.done("synth", "--rate", 1, "--input", "empirical:file=q.csv", "--output",
                  "empirical:file=v.csv", "-o", "t.csv")
        rows = [line.split(",") for line in (self.folder / "t.csv").read_text().splitlines()[1:]]
        inputs = sorted(int(row[1]) for row in rows)
        self.assertAlmostEqual(sum(tokens <= 20 for tokens in inputs) / len(inputs), 0.5, delta=0.03)
        self.assertGreaterEqual(inputs[0], 10)
        self.assertLessEqual(inputs[-1], 1000)
        self.assertEqual({int(row[2]) for row in rows}, {5, 7})

    def test_bad_length_files(self):
        cases = {
            "": ": expected counts of tokens, found an empty file",
            "1\n2\n": ":1:1: expected the header 'tokens' or 'quantile,tokens', found '1'",
            "tokens\n": ": expected counts of tokens, found none",
            "tokens\n0\n": ":2:1: expected a count of tokens, found '0'",
            "quantile,tokens\n0.1,5\n": ":2:1: expected quantiles from 0 to 1 and tokens, both "
                                        "ascending, found '0.1,5'",
            "quantile,tokens\n0,5\n1,4\n": ":3:1: expected quantiles from 0 to 1 and tokens, both "
                                           "ascending, found '1,4'",
            "quantile,tokens\n0,5\n0.9,6\n": ": expected quantiles up to 1, found 0.9 at the end",
            "quantile,tokens\n0;5\n": ":2:1: expected a quantile, a comma and a count of tokens, "
                                      "found '0;5'",
        }
        for text, message in cases.items():
            self.write("l.csv", text)
            self.fails(3, "l.csv" + message, "synth", "--rate", 1, "--output", 1, "--input",
                       "empirical:file=l.csv")

    def test_bad_command_lines(self):
        good = ("--rate", 1, "--input", 1, "--output", 1)
        cases = {
            ("--input", 1, "--output", 1): "--rate is missing",
            ("--rate", 1, "--input", 1): "--output is missing",
            ("--rate", 0, "--input", 1, "--output", 1): 
                "--rate must be a number from 1e-06 to 1e+09, not 0",
            (*good, "--rate", 1e300): "--rate must be a number from 1e-06 to 1e+09, not 1e+300",
            (*good, "--rate", "fast"): "--rate: expected a number, found 'fast'",
            (*good, "--requests", 0): "--requests must be at least 1",
            (*good, "--seed", -1): "--seed: expected a whole number, found '-1'",
            (*good, "--cv", 2): "--cv goes with --process gamma only",
            (*good, "--process", "gamma"): "--process gamma needs --cv",
            (*good, "--process", "closed_loop"):
                "--process: expected poisson, gamma or constant, found 'closed_loop'",
            (*good, "more"): "expected options only, found 'more'",
            (*good, "--input", "pareto:mean=1"):
                "unknown distribution 'pareto'; there are fixed, uniform, normal, lognormal, zipf "
                "and empirical",
            (*good, "--input", "fixed"): "fixed needs mean=",
            (*good, "--input", "normal:mean=1"): "normal needs either sd= or cv=",
            (*good, "--input", "normal:mean=1,sd=1,cv=1"): "normal needs either sd= or cv=",
            (*good, "--input", "zipf:mean=1"): "a distribution 'zipf' has no 'mean'",
            (*good, "--input", "zipf:exponent"): "expected key=value, found 'exponent'",
            (*good, "--input", "zipf:exponent=x"):
                "exponent: expected a number of at least 0, found 'x'",
            (*good, "--input", "lognormal:mean=0x10,cv=1"):
                "mean: expected a number of at least 0, found '0x10'",
            (*good, "--input", "lognormal:mean=5,cv=1,mean=6"): "mean= stands twice",
            (*good, "--input", "uniform:max=8,max=9"): "max= stands twice",
            (*good, "--input", "uniform"): "uniform needs max=",
            (*good, "--input", "zipf:exponent=0"):
                "exponent: expected a number from 0.01 to 20, found 0",
            (*good, "--input", "normal:mean=200000,cv=1"):
                "mean: expected a number from 1 to 131072, found 200000",
            (*good, "--input", "normal:mean=5,cv=0"):
                "cv: expected a number from 1e-06 to 1000, found 0",
            (*good, "--input", 0): "mean: expected a number from 1 to 10000000, found 0",
            (*good, "--input", "uniform:min=0,max=9"):
                "min: expected a whole number from 1 to 10000000, found 0",
            (*good, "--input", "uniform:min=9,max=8"):
                "input_tokens: min must be at least 1 and at most max, not 9 with max 8",
            (*good, "--input", "empirical"): "empirical needs file=",
        }
        for arguments, message in cases.items():
            self.misused("synth", message, *arguments)

    def test_a_file_appears_whole_or_not_at_all(self):
        # 104 days of clock are over after nine requests: nothing is left, not even the partial; nor
        # is anything printed.
        slow = ["--process", "constant", "--input", 1, "--output", 1, "--rate"]
        for options in (["-o", "t.csv"], []):
            self.misused("synth", "9991 requests at 1e-06 /s would arrive beyond the 104 days that "
                         "the clock holds", *slow, 1e-6, *options)
        self.assertEqual(list(self.folder.iterdir()), [])
        self.fails(4, "tandem trace synth: cannot write none/t.csv: No such file or directory",
                   *self.SMALL, "-o", "none/t.csv")
        self.fails(4, "tandem trace synth: cannot write /dev/null: it is not a regular file",
                   *self.SMALL, "-o", "/dev/null")


class Convert(TraceTest):
    AZURE = ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
             "2023-11-16 18:15:50.9951690,396,109\n")

    def test_to_our_own_format(self):
        self.write("a.csv", self.AZURE)
        self.assertEqual(self.done("convert", "a.csv", "t.csv"), "")
        self.assertEqual((self.folder / "t.csv").read_text(),
                         HEADER + "0.000000000,374,44\n4.314579000,396,109\n")
        # Converted once more, nothing changes.
        self.done("convert", "t.csv", "u.csv")
        self.assertEqual((self.folder / "u.csv").read_text(), (self.folder / "t.csv").read_text())

    def test_times_beyond_the_clock(self):
        # Expect days that a person can read, of however small a scale.
        self.write("a.csv", self.AZURE)
        self.fails(3, "a.csv:3:1: expected an arrival within the 104 days that the clock holds, found "
                      "one after 4.994e+95 days", "convert", "a.csv", "t.csv", "--rate-scale",
                   "1e-100")

    def test_rate_scale(self):
        self.write("a.csv", self.AZURE)
        self.done("convert", "--rate-scale", 2, "--format", "azure", "a.csv", "t.csv")
        self.assertIn("\n2.157289500,396,109\n", (self.folder / "t.csv").read_text())

    def test_errors_leave_nothing(self):
        self.write("a.csv", self.AZURE + "never,1,1\n")
        self.fails(3, "a.csv:4:1: expected TIMESTAMP as 2023-11-16 18:15:46.6805900 or 2024-05-10 "
                      "00:00:00.009930+00:00, found 'never'", "convert", "a.csv", "t.csv")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["a.csv"])
        self.misused("convert", "expected two files, IN and OUT.csv, found 1", "a.csv")
        self.misused("convert", "--rate-scale must be above 0, not 0", "a.csv", "t.csv",
                     "--rate-scale", 0)


class Shipped(TraceTest):
    """The traces that ship have the statistics of Azure's of 2023, within 10%."""

    def assert_close(self, name, expected):
        info = self.info(ROOT / "traces" / name)
        self.assertGreaterEqual(info["requests"], 5000)
        for keys, value in expected.items():
            found = info
            for key in keys.split("."):
                found = found[key]
            self.assertAlmostEqual(found, value, delta=0.1 * value, msg=keys)

    def test_chat(self):
        self.assert_close("chat.csv", {
            "requests_per_s": 5.53, "gap_cv": 1.09,
            "input_tokens.p50": 1020, "input_tokens.p90": 2734, "input_tokens.p99": 4142,
            "output_tokens.p50": 129, "output_tokens.p90": 424, "output_tokens.p99": 601})

    def test_code(self):
        self.assert_close("code.csv", {
            "requests_per_s": 2.57, "gap_cv": 13.15,
            "input_tokens.p50": 1469, "input_tokens.p90": 5188, "input_tokens.p99": 7436,
            "output_tokens.p50": 13, "output_tokens.p90": 55, "output_tokens.p99": 251})


class Help(TraceTest):
    def test_help_goes_to_standard_output(self):
        for arguments in (["--help"], ["info", "--help"], ["synth", "-h"], ["convert", "--help"]):
            self.assertTrue(self.done(*arguments).startswith("usage: tandem trace"), arguments)
        # Expect each format that the message of a wrong one lists.
        for command in ("info", "convert"):
            self.assertIn("tandem, azure, mooncake, burstgpt or auto", self.done(command, "--help"))

    def test_no_subcommand_is_wrong_use(self):
        for arguments, said in (([], ""), (["sing"], "tandem trace: there is no 'sing'\n\n")):
            result = self.trace(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertTrue(result.stderr.startswith(said + "usage: tandem trace"))


if __name__ == "__main__":
    main()
