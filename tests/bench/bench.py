#!/usr/bin/python3
"""How fast is tandem, in how little memory, and how far ahead of other simulators?

    bench.py TANDEM BENCH_ENGINE [--quick] [--runs N] [--case NAME]... [--no-callgrind]

Prints a line for each case and timeline, medians of N runs: requests a second of one core (of the
CPU time of all of the process's threads, for the machine may have other work), the ratio to what
another simulator quotes, requests a wall second of the simulation proper, set-up and summary
left out, wall seconds of the process and their ratio to those without a timeline, which is run in
turn with it, peak memory, and instructions a request under callgrind, set-up left out, which a busy
machine does not change. --quick is a test: smaller cases, and it
fails where a ratio or a bound on memory does not hold; no time is held against a clock.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Requests/s that others quote on machines of their own. BLIS: inference-sim, Llama-3.1-70B, TP=4,
# H100, 5/s, 10,000 and 100,000 requests. Vidur: Agrawal et al., MLSys 2024, Llama-2-70B, A100.
BLIS, BLIS_LONG, VIDUR_PP2, VIDUR_PP1 = 3279, 2903, 425, 1032

# ROSS (Carothers, Bauer and Pearce, J. Parallel Distrib. Comput. 62(11), 2002) run sequentially:
# events/s by how many are pending.
ROSS = {1024: 3.9e6, 65536: 0.56e6, 1048576: 0.26e6}

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20
# What a deep pipeline is busy with.
BURSTS = ["--set", "workload={arrivals: {process: gamma, rate: 3 /s, cv: 2}, requests: 1, "
          "input_tokens: {distribution: lognormal, mean: 900, cv: 1.2, max: 8000}, "
          "output_tokens: {distribution: lognormal, mean: 300, cv: 1, max: 4000}}"]
ONE_STAGE = ["--set", "layout.pipeline_parallel=1"]

# name, scenario, options, requests, published requests/s, timelines
CASES = [
    ("B1 BLIS's load", "bench-blis", [], 10_000, BLIS, ["none", "steps", "layers"]),
    ("B1", "bench-blis", [], 100_000, BLIS_LONG, ["none", "steps"]),
    ("B1", "bench-blis", [], 1_000_000, BLIS_LONG, ["none", "steps"]),
    ("B2 Vidur's load, PP=2", "bench-vidur", [], 10_000, VIDUR_PP2, ["none", "steps"]),
    ("B2 Vidur's load, PP=1", "bench-vidur", ONE_STAGE, 10_000, VIDUR_PP1, ["none", "steps"]),
    ("PP=8, bursts", "70b-pp8", BURSTS, 40_000, None, ["none", "steps"]),
    ("KV layer by layer", "70b-disaggregated", BURSTS, 20_000, None, ["none", "steps"]),
    ("Prefixes", "70b-prefixes", [], 50_000, None, ["none", "steps"]),
    ("B3 16 replicas", "bench-replicas", [], 100_000, None, ["none", "steps"]),
    ("B4 1,250 replicas", "bench-fleet", [], 2_000_000, None, ["none", "steps"]),
    ("B5 a trace from a file", "bench-trace", [], 10_000_000, None, ["none", "steps"]),
]
QUICK = [
    ("B1 BLIS's load", "bench-blis", [], 50_000, BLIS, ["none", "steps"]),
    ("B2 Vidur's load, PP=2", "bench-vidur", [], 10_000, VIDUR_PP2, ["none"]),
    ("B3 16 replicas", "bench-replicas", [], 20_000, None, ["none"]),
    ("B5 a trace from a file", "bench-trace", [], 200_000, None, ["none", "steps"]),
]
MEMORY_BYTES_MAX = {"none": 64 * MIB, "steps": 128 * MIB}  # of B5

# Layers of all steps would be gigabytes: these windows hold a few hundred steps of each run.
LAYERS_WINDOW = ["--set", "output.window=[60 s, 70 s]"]

CALLGRIND_REQUESTS = (2_000, 12_000)  # the difference leaves the set-up out


def run_child(command):
    """What `command` printed, its wall and CPU seconds and its peak memory in bytes."""
    started_s = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed,
                                   env=os.environ | {"TANDEM_DATA_DIR": str(ROOT)})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - started_s
        if process.returncode != 0:
            sys.exit(f"bench.py: exit code {process.returncode} from {' '.join(map(str, command))}")
        printed.seek(0)
        text = printed.read().decode()
    return text, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


# B7: points of the same size, a few for each worker.
SWEEP = "scenario: {{base: scenarios/bench-blis, workload: {{requests: {requests}}}}}\n" \
        "grid: {{run.seed: {seeds}}}\n"
SWEEP_POINTS, SWEEP_REQUESTS = 40, 60_000


class Runs:
    """What runs of one command took."""

    def __init__(self):
        self.wall_seconds, self.cpu_seconds, self.proper_rates, self.peak_bytes = [], [], [], 0

    def add(self, wall_s, cpu_s, proper_rate, peak_bytes):
        self.wall_seconds.append(wall_s)
        self.cpu_seconds.append(cpu_s)
        self.proper_rates.append(proper_rate)
        self.peak_bytes = max(self.peak_bytes, peak_bytes)


class Bench:
    """The cases, run one after the other with files in a scratch folder."""

    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.output = scratch / "out.h5"
        self.has_callgrind = not options.no_callgrind and shutil.which("valgrind") is not None
        self.faults = []

    def trace(self, requests):
        """A trace of so many requests like bench-blis's, made once."""
        path = self.scratch / f"{requests}.csv"
        if not path.exists():
            lengths = "normal:mean=512,sd=256,max=8192"
            run_child([self.options.tandem, "trace", "synth", "--rate", "5", "--requests",
                       str(requests), "--input", lengths, "--output", lengths, "-o", path])
        return path

    def command(self, scenario, options, requests, timeline):
        command = [self.options.tandem, "run", ROOT / "configs/scenarios" / f"{scenario}.yaml",
                   "--quiet", "--json", *options]
        if scenario == "bench-trace":
            command += ["--set", f"workload.trace.file={self.trace(requests)}"]
        else:
            command += ["--set", f"workload.requests={requests}"]
        if timeline != "none":
            command += ["--timeline", timeline, "-o", self.output]
        if timeline == "layers":
            command += LAYERS_WINDOW
        return command

    def instructions(self, scenario, options, timeline):
        """Instructions a request; None where callgrind is not there."""
        if not self.has_callgrind or timeline == "layers":
            return None
        totals = []
        for requests in CALLGRIND_REQUESTS:
            profile = self.scratch / "callgrind.out"
            run_child(["valgrind", "--quiet", "--tool=callgrind",
                       f"--callgrind-out-file={profile}",
                       *self.command(scenario, options, requests, timeline)])
            lines = profile.read_text(encoding="utf-8").splitlines()
            totals += [int(line.split()[1]) for line in lines if line.startswith(("summary:"))]
        return (totals[1] - totals[0]) / (CALLGRIND_REQUESTS[1] - CALLGRIND_REQUESTS[0])

    def play(self, case):
        """Of each timeline, what its runs took; a run of each in turn."""
        name, scenario, options, requests, _, timelines = case
        runs = {timeline: Runs() for timeline in timelines}
        for _ in range(self.options.runs):
            for timeline in timelines:
                self.output.unlink(missing_ok=True)  # putting a new one in its place takes longer
                text, wall_s, cpu_s, peak_bytes = run_child(
                    self.command(scenario, options, requests, timeline))
                summary = json.loads(text)
                if summary["requests"]["completed"] != requests:
                    sys.exit(f"bench.py: {name} did not complete all requests")
                runs[timeline].add(wall_s, cpu_s, summary["simulation"]["requests_per_wall_s"],
                                   peak_bytes)
        return runs

    def judge(self, case, timeline, rate, peak_bytes):
        """Notes what does not hold."""
        name, scenario, _, _, published, _ = case
        if scenario == "bench-trace" and peak_bytes > MEMORY_BYTES_MAX[timeline]:
            self.faults.append(f"{name}, timeline {timeline}: {peak_bytes / MIB:.0f} MiB of memory,"
                               f" more than {MEMORY_BYTES_MAX[timeline] / MIB:.0f}")
        if self.options.quick and published and timeline == "none" and rate < 20 * published:
            self.faults.append(f"{name}: not 20 times as fast as the published {published}/s")

    def measure(self, case):
        """Prints a case's lines of the table; returns the instructions a request by timeline."""
        name, scenario, options, requests, published, _ = case
        runs, counts = self.play(case), {}
        for timeline, of in runs.items():
            rate = requests / statistics.median(of.cpu_seconds)
            wall_s = statistics.median(of.wall_seconds)
            times = wall_s / statistics.median(runs["none"].wall_seconds)
            ratio = f"{rate / published:9.0f}" if published else f"{'':9}"
            count = self.instructions(scenario, options, timeline)
            print(f"{name:24}{requests:>11,} {timeline:7}{rate:>11,.0f}{ratio}"
                  f"{statistics.median(of.proper_rates):>11,.0f}{wall_s:>9.2f}{times:>7.2f}"
                  f"{of.peak_bytes / MIB:>9.1f}" + (f"{count:>13,.0f}" if count else f"{'-':>13}"),
                  flush=True)
            self.judge(case, timeline, rate, of.peak_bytes)
            counts[timeline] = count
        return counts

    def run_cases(self):
        cases = QUICK if self.options.quick else CASES
        print(f"{'case':24}{'requests':>11} {'line':7}{'requests/s':>11}{'ratio':>9}"
              f"{'proper':>11}{'wall s':>9}{'times':>7}{'MiB':>9}{'instructions':>13}")
        for case in cases:
            if self.options.case and not case[0].startswith(tuple(self.options.case)):
                continue
            counts = self.measure(case)
            none, steps = counts["none"], counts.get("steps")
            if self.options.quick and steps and steps > 2.3 * none:
                self.faults.append(f"{case[0]}: {steps:,.0f} instructions a request with a timeline"
                                   f" of steps, more than 2.3 times the {none:,.0f} without")

    def run_engine(self):
        """B6: the event queue under the hold model."""
        if self.options.case and "B6" not in self.options.case:
            return
        holds = ["300000"] if self.options.quick else []
        text, *_ = run_child([self.options.bench_engine, *holds])
        print(f"\n{'B6 events pending':>24}{'holds/s':>14}{'plain heap':>14}{'ratio':>8}"
              f"{'indexed heap':>14}{'ratio':>8}{'ROSS':>12}{'ratio':>8}")
        for line in text.splitlines()[1:]:
            pending, engine, plain, indexed = map(int, line.split(","))
            ross = ROSS.get(pending)
            beside = f"{ross:>12,.0f}{engine / ross:>8.1f}" if ross else ""
            print(f"{pending:>24,}{engine:>14,}{plain:>14,}{engine / plain:>8.2f}"
                  f"{indexed:>14,}{engine / indexed:>8.2f}{beside}")
            if self.options.quick and ross and engine < 0.7 * plain:
                self.faults.append(f"B6: {engine / plain:.2f} of a plain heap's speed"
                                   f" with {pending} pending")


    def run_sweep(self):
        """B7: how much faster two workers are than one, and what the machine has to give: the same
        by two programs that know nothing of each other."""
        if self.options.quick or (self.options.case and "B7" not in self.options.case):
            return
        sweep = self.scratch / "sweep.yaml"
        sweep.write_text(SWEEP.format(requests=SWEEP_REQUESTS, seeds=list(range(SWEEP_POINTS))))
        ways = {"one": [["-j", "1"]], "two": [["-j", "2"]],
                "apart": [["-j", "1", "--shard", f"{k}/2"] for k in (1, 2)]}
        wall_s = {way: [] for way in ways}
        for _ in range(self.options.runs):
            for way, programs in ways.items():
                wall_s[way].append(self.sweep_s(sweep, programs))
        one, two, apart = (statistics.median(wall_s[way]) for way in ways)
        requests = SWEEP_POINTS * SWEEP_REQUESTS
        print(f"\n{'B7 a sweep':24}{'points':>8}{'requests/s, -j 1':>20}{'-j 2':>14}{'ratio':>8}"
              f"{'two programs':>14}{'ratio':>8}\n"
              f"{'B1 of many seeds':24}{SWEEP_POINTS:>8}{requests / one:>20,.0f}"
              f"{requests / two:>14,.0f}{one / two:>8.2f}{requests / apart:>14,.0f}"
              f"{one / apart:>8.2f}")

    def sweep_s(self, sweep, programs):
        """Seconds that programs take, side by side, each with its options and an output."""
        started_s = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            list(threads.map(run_child, (
                [self.options.tandem, "sweep", sweep, *options, "--quiet",
                 "-o", self.scratch / f"sweep{number}.h5"]
                for number, options in enumerate(programs))))
        return time.monotonic() - started_s


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tandem", type=os.path.abspath)
    parser.add_argument("bench_engine", type=os.path.abspath)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--case", action="append", help="a case's name or its beginning: B1")
    parser.add_argument("--no-callgrind", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options, pathlib.Path(scratch))
        bench.run_cases()
        bench.run_engine()
        bench.run_sweep()
    if not bench.has_callgrind and not options.no_callgrind:
        print("valgrind is not there: instructions were not counted")
    for fault in bench.faults:
        print(f"fault: {fault}", file=sys.stderr)
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())
