#!/usr/bin/python3
"""The files that commands write: does each come under its name, in the place of nothing else?"""

import fcntl
import os
import resource
import signal
import subprocess
import time
import unittest.mock
from pathlib import Path

from tandem_cli import ENVIRONMENT, ROOT, SCENARIO, SMALL, TandemTest, main

# A trace in a moment: to be followed by -o.
SYNTH = "trace synth --rate 1 --requests 9 --input 5 --output 5 -o".split()


class Links(TandemTest):
    def run_file(self):
        """A small run's file."""
        path = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", path)
        return path

    def test_what_a_link_leads_to_is_written(self):
        # Expect links to stay, those to nothing yet and to another link too, and what they lead to
        # to be there, whole, with nothing beside it or them.
        run = self.run_file()
        real, links = self.folder / "real", self.folder / "links"
        real.mkdir()
        links.mkdir()
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            for there in (True, False):
                with self.subTest(command=command, there=there):
                    file, near, far = real / "file", links / "near", links / "far"
                    for path in (file, near, far):
                        path.unlink(missing_ok=True)
                    if there:
                        file.write_text("old")
                    far.symlink_to("../real/file")
                    near.symlink_to(far)
                    self.tandem_ok(*command, near)
                    self.assertTrue(near.is_symlink() and far.is_symlink())
                    self.assertGreater(file.stat().st_size, 30)
                    self.assertEqual(list(real.iterdir()), [file])
                    self.assertEqual(set(links.iterdir()), {near, far})

    def test_a_dash_is_standard_output(self):
        # Expect text to go there, HDF5 to be refused, and no file of that name.
        text = self.tandem_ok(*SYNTH, self.folder / "t.csv") or (self.folder / "t.csv").read_text()
        for arguments in ((*SYNTH, "-"), ("trace", "convert", self.folder / "t.csv", "-")):
            self.assertEqual(self.tandem(*arguments, cwd=self.folder).stdout, text)
        done = self.tandem("run", SCENARIO, *SMALL, "-o", "-", cwd=self.folder)
        self.assertEqual(done.returncode, 4)
        self.assertIn("cannot write HDF5 to standard output: name a file", done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["t.csv"])

    def test_links_to_what_is_no_file(self):
        # Expect links to a pipe, to a folder and in a circle to be refused, and to stay.
        run = self.run_file()
        link, pipe = self.folder / "link", self.folder / "pipe"
        os.mkfifo(pipe)
        for target in (pipe, self.folder, link):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
                with self.subTest(target=target, command=command):
                    done = self.tandem(*command, link)
                    self.assertEqual(done.returncode, 4, done.stderr)
                    self.assertIn(f"cannot write {link}", done.stderr)
                    self.assertEqual(link.readlink(), target)

    def test_standard_output_is_no_file(self):
        # Expect every command to say so of a pipe by the name of /dev/stdout.
        run = self.run_file()
        for arguments in (["run", SCENARIO, *SMALL], ["report", run]):
            with self.subTest(arguments=arguments):
                done = self.tandem(*arguments, "-o", "/dev/stdout")
                self.assertEqual(done.returncode, 4)
                self.assertIn("cannot write /dev/stdout: it is not a regular file", done.stderr)

    def test_the_partial_file_is_no_link(self):
        # Expect what a killed program left under the partial name to be written over, but not what
        # a link of that name leads to.
        precious, out = self.folder / "precious", self.folder / "out"
        partial = self.folder / "out.partial"
        partial.write_text("half")
        self.tandem_ok(*SYNTH, out)
        self.assertEqual(list(self.folder.iterdir()), [out])
        run = self.run_file()
        precious.write_text("precious")
        partial.symlink_to(precious)
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            done = self.tandem(*command, out)
            self.assertEqual(done.returncode, 4)
            self.assertIn(f"cannot write {partial}: it is not a regular file", done.stderr)
            self.assertEqual(precious.read_text(), "precious")

    def test_standard_output_is_not_replaced(self):
        # Expect a file that the shell appends standard output to, named again by -o, to keep what
        # it holds: through a link of our own as /dev/stdout is one.
        run = self.run_file()
        link = self.folder / "stdout"
        link.symlink_to("/proc/self/fd/1")
        log = self.folder / "log"
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            log.write_text("what was there")
            with self.subTest(command=command), open(log, "a") as stdout:
                done = self.tandem(*command, link, stdout=stdout)
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn("standard output goes there", done.stderr)
                self.assertEqual(log.read_text(), "what was there")


class Failures(TandemTest):
    def test_a_file_that_may_not_grow(self):
        # Expect a limit on the size of files to be told as a full disk is, with exit code 4, and to
        # leave nothing: in the program itself, in a sweep's workers, and in the report.
        run = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", run)
        sweep = self.folder / "sweep.yaml"
        sweep.write_text("scenario: scenarios/default\ngrid: {run.seed: [1, 2]}\n")
        out, files = self.folder / "out", self.folder / "files"

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
        for arguments in (["run", SCENARIO, *SMALL, "--timeline", "steps", "-o", out],
                          ["export", run, "--format", "csv", "-o", out],
                          [*SYNTH, out, "--requests", "9999"],
                          ["sweep", sweep, *SMALL, "-o", out, "--point-files", files, "-j", "1"],
                          ["report", run, "-o", out]):
            with self.subTest(arguments=arguments):
                done = self.tandem(*arguments, preexec_fn=limit)
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn("File too large", done.stderr)
                left = set(self.folder.iterdir()) - {run, sweep, files}
                self.assertEqual(left | set(files.glob("*")), set())

    def test_the_answer_is_told_whatever_the_disk_takes(self):
        # Expect what was worked out on stdout, as without a file, though the file does not fit on
        # the disk: exit code 4 and the reason of each that does not, and a sweep's points kept.
        sweep, plan = self.folder / "sweep.yaml", self.folder / "plan.yaml"
        sweep.write_text("scenario: scenarios/default\ngrid: {run.seed: [1, 2]}\n")
        plan.write_text("scenario: {base: scenarios/default, slo: {ttft: 9 s}}\n"
                        "clusters: [clusters/hgx-h100-2-nodes]\ntensor_parallel: [8]\n"
                        "pipeline_parallel: [1]\nsearch: {}\nseeds: 1\n")
        out = self.folder / "out"
        for command, room, emit in (
                (["run", SCENARIO, *SMALL, "-q"], 16000, []),
                (["sweep", sweep, *SMALL, "-q"], 20000, []),
                (["plan", plan, *SMALL, "-q"], 1000, ["--emit", self.folder / "best.yaml"])):
            with self.subTest(command=command[0]):
                told = self.tandem(*command, "-o", self.folder / "whole").stdout
                done = self.tandem(*command, "-o", out, *emit, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (room, room)))
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertEqual(done.stderr.count("File too large"), 1 + len(emit) // 2)
                self.assertEqual(*(text.partition("simulated in")[0] for text in (told, done.stdout)))
                self.assertFalse(out.exists())
        self.assertFalse((self.folder / "best.yaml").exists())
        self.assertEqual(self.tandem_ok("sweep", sweep, *SMALL, "-q", "-o", out, "--resume"),
                         self.tandem_ok("sweep", sweep, *SMALL, "-q", "-o", self.folder / "whole"))

    def test_a_journal_that_may_not_grow(self):
        # Expect a sweep to say what it has done and how to go on where its journal is full.
        sweep = self.folder / "sweep.yaml"
        sweep.write_text("scenario: scenarios/default\ngrid: {run.seed: [1, 2]}\n")
        done = self.tandem("sweep", sweep, *SMALL, "-o", self.folder / "out", preexec_fn=lambda:
                           resource.setrlimit(resource.RLIMIT_FSIZE, (7000, 7000)))
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, "File too large; points done: 1; go on with --resume")

    def test_a_file_that_another_is_writing(self):
        # Expect a word on who is in the way, after some patience for one that was killed, and what
        # the other has written so far to stay: HDF5, text or a page.
        partial, run = self.folder / "out.partial", self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", run)
        partial.write_bytes(b"so far")
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            with self.subTest(command=command), open(partial, "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                done = self.tandem(*command, self.folder / "out")
                self.assertEqual(done.returncode, 4)
                self.assertIn(f"another tandem is writing {partial}", done.stderr)
                self.assertEqual(partial.read_bytes(), b"so far")

    def test_two_that_write_one_file(self):
        # Expect two commands that begin at once to wait for each other: both succeed, and the file
        # is what one of them writes alone, to the byte, and not a mixture or nothing.
        out = self.folder / "out"
        for command in (["run", SCENARIO, *SMALL, "-q", "-o", out],
                        [*SYNTH, out, "--requests", "20000"]):
            ways = [["--set", "run.seed=1"], ["--set", "run.seed=2"]]
            if "synth" in command:
                ways = [["--seed", "1"], ["--seed", "2"]]
            wholes = []
            for way in ways:
                self.tandem_ok(*command, *way)
                wholes.append(out.read_bytes())
            for _ in range(20):
                out.unlink()
                writers = [subprocess.Popen([self.program, *map(str, command), *way],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                            text=True, env=ENVIRONMENT) for way in ways]
                for writer in writers:
                    _, told = writer.communicate(timeout=60)
                    self.assertEqual(writer.returncode, 0, told)
                self.assertIn(out.read_bytes(), wholes)
                self.assertEqual(list(self.folder.iterdir()), [out])

    def test_locks_that_the_environment_asks_hdf5_for(self):
        # Expect HDF5's own locks, which a cluster's environment may turn on, not to meet tandem's:
        # of a run, and of a merge, which reads before it writes.
        sweep = self.folder / "sweep.yaml"
        sweep.write_text("scenario: scenarios/default\ngrid: {run.seed: [1, 2]}\n")
        parts = [self.folder / "1.h5", self.folder / "2.h5"]
        for locking in ("TRUE", "BEST_EFFORT"):
            with self.subTest(locking=locking), unittest.mock.patch.dict(
                    ENVIRONMENT, HDF5_USE_FILE_LOCKING=locking):
                self.tandem_ok("run", SCENARIO, *SMALL, "-o", self.folder / "run.h5")
                for shard, part in enumerate(parts, 1):
                    self.tandem_ok("sweep", sweep, *SMALL, "--shard", f"{shard}/2", "-o", part)
                self.tandem_ok("merge", self.folder / "whole.h5", *parts)

    def test_a_file_that_cannot_be_begun(self):
        # Expect nothing to be left, not even an empty file, where there is no room for a byte.
        done = self.tandem("run", SCENARIO, *SMALL, "-o", self.folder / "out.h5",
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_signals_leave_nothing(self):
        # Expect whatever ends a run from outside, a closed terminal too, to leave no partial file;
        # and one that is told to ignore it, behind nohup, to go on.
        partial = self.folder / "out.h5.partial"
        long = [setting.replace("requests: 200", "requests: 300000") for setting in SMALL]
        command = [self.program, "run", SCENARIO, *long, "-q", "-o", str(self.folder / "out.h5")]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for action, code in ((signal.SIG_DFL, -number), (signal.SIG_IGN, 0)):
                with self.subTest(signal=number, action=action), subprocess.Popen(
                        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
                        preexec_fn=lambda n=number, a=action: signal.signal(n, a)) as process:
                    deadline = time.monotonic() + 60
                    while not partial.exists() and time.monotonic() < deadline:
                        time.sleep(0.01)
                    process.send_signal(number)
                    process.communicate(timeout=60)
                    self.assertEqual(process.returncode, code)
                    self.assertFalse(partial.exists())


class Inputs(TandemTest):
    """Outputs that would replace what a command reads."""

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def refuses(self, read, arguments, message, code=2):
        """Expects the call to be refused, and `read` to stay as it was."""
        with self.subTest(arguments=arguments):
            before = read.read_bytes()
            done = self.tandem(*arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(message, done.stderr)
            self.assertEqual(read.read_bytes(), before)

    def test_what_the_command_line_names(self):
        # Expect a slip of -o to be refused by each command that has one: under the input's own
        # name, by a link, a hard link and another way through the folders.
        scenario = self.write("scenario.yaml", Path(SCENARIO).read_text())
        sweep = self.write("sweep.yaml", "scenario: scenarios/default\ngrid: {run.seed: [1]}\n")
        plan = self.write("plan.yaml", (ROOT / "configs/plans/70b-chat.yaml").read_text())
        lengths = self.write("lengths.csv", "tokens\n5\n")
        trace, run, part = (self.folder / name for name in ("trace.csv", "run.h5", "part.h5"))
        self.tandem_ok(*SYNTH, trace)
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", run)
        self.tandem_ok("sweep", sweep, *SMALL, "-o", part)
        synth = ["trace", "synth", "--rate", "1", "--output", "5"]
        link, other = self.folder / "link", self.folder / "other"
        for read, command in (
            (scenario, ["run", scenario, "-o"]),
            (scenario, ["export", scenario, "--format", "dot", "-o"]),
            (run, ["export", run, "--format", "csv", "-o"]),
            (sweep, ["sweep", sweep, "-o"]),
            (plan, ["plan", plan, "-o"]),
            (plan, ["plan", plan, "--emit"]),
            (run, ["compare", run, trace, "--plot"]),
            (trace, ["compare", run, trace, "--plot"]),
            (trace, ["trace", "convert", trace]),
            (lengths, [*synth, "--input", f"empirical:file={lengths}", "-o"]),
            (run, ["report", run, "-o"]),
        ):
            for path in (link, other):
                path.unlink(missing_ok=True)
            link.symlink_to(read.name)
            other.hardlink_to(read)
            for name in (read, link, other, self.folder / ".." / self.folder.name / read.name):
                self.refuses(read, [*command, name], "would replace the input")
        self.refuses(part, ["merge", part, part], "would replace the input")
        partial = self.folder / "trace.csv.partial"
        trace.rename(partial)
        self.refuses(partial, ["trace", "convert", partial, trace], "would replace the input")

    def test_what_the_files_name(self):
        # Expect the files that a scenario is made of to be refused as outputs of it, with the place
        # that names them, however deep: its base, its trace, lengths, and a GPU's tables.
        gpu = self.folder / "gpu"
        gpu.mkdir()
        kernels = self.write("gpu/kernels.csv", "op,dtype,m,n,time_us\nsilu_mul,bf16,8,8,5\n")
        in_fp8 = self.write("gpu/kernels_fp8.csv", "op,dtype,m,n,time_us\nsilu_mul,fp8,8,8,5\n")
        residuals = self.write("gpu/residuals.csv", "")
        trace = self.folder / "trace.csv"
        self.tandem_ok(*SYNTH, trace)
        lengths = self.write("lengths.csv", "tokens\n5\n")
        base = self.write("base.yaml", "base: scenarios/default\n")
        drawn = ("{trace: null, arrivals: {process: poisson, rate: 1 /s}, requests: 9, output_tokens: 5,"
                 " input_tokens: {distribution: empirical, file: lengths.csv}}")
        texts = {
            base: "base: base.yaml\n",
            trace: "base: scenarios/default\nworkload: {trace: {file: trace.csv}}\n",
            lengths: f"base: scenarios/default\nworkload: {drawn}\n",
            kernels: "base: scenarios/default\ncluster: {gpu: {measured: gpu}}\n",
            in_fp8: "base: scenarios/default\ncluster: {gpu: {measured: gpu}}\n",
            residuals: "base: scenarios/default\ncluster: {gpu: {measured: gpu}}\n",
        }
        for read, text in texts.items():
            scenario = self.write("scenario.yaml", text)
            sweep = self.write("sweep.yaml", "scenario: scenario.yaml\ngrid: {run.seed: [1]}\n")
            plan = self.write("plan.yaml", "scenario: scenario.yaml\nclusters:\n"
                              "  - {base: clusters/hgx-h100, gpu: {measured: gpu}}\n")
            for command in (["run", scenario, "-o"], ["sweep", sweep, "-o"], ["plan", plan, "-o"],
                            ["plan", plan, "-o", self.folder / "answer.h5", "--emit"],
                            ["export", scenario, "--format", "dot", "-o"]):
                self.refuses(read, [*command, read],
                             f"{read.name}' is read here and written by the command", 3)
        self.assertFalse((self.folder / "sweep.h5.journal").exists())

    def test_two_results_of_one_name(self):
        # Expect two results that would be one file to be refused, though it is not there yet.
        done = self.tandem("plan", "plans/70b-chat", "--emit", self.folder / "a.h5", "-o",
                           self.folder / "." / "a.h5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("two results would be written to", done.stderr)
        sweep = self.write("sweep.yaml", "scenario: scenarios/default\ngrid: {run.seed: [1]}\n")
        (self.folder / "files").mkdir()
        done = self.tandem("sweep", sweep, *SMALL, "-o", self.folder / "files/0000.h5",
                           "--point-files", self.folder / "files")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("a point's file would have the name of", done.stderr)
        self.assertEqual(list((self.folder / "files").iterdir()), [])


if __name__ == "__main__":
    main()
