"""What the command-line tests share: how to call the program that argv[1] names."""

import os
import pty
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = str(ROOT / "configs" / "scenarios" / "default.yaml")
ENVIRONMENT = dict(os.environ, TANDEM_DATA_DIR=str(ROOT))

# A small run of the default scenario: 200 synthetic requests in place of its trace.
SMALL = [
    "--set",
    "workload={arrivals: {process: poisson, rate: 8 /s}, requests: 200,"
    " input_tokens: {distribution: lognormal, mean: 512, cv: 0.9, max: 4096}, output_tokens: 40}",
]


class TandemTest(unittest.TestCase):
    """A test with a folder of its own, removed after it."""

    program = ""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tandem-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def tandem(self, *arguments, **options):
        """Runs the program; gives back its exit code, stdout and stderr."""
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [self.program, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            timeout=120,
            **options,
        )

    def tandem_ok(self, *arguments):
        """The same for a call that must succeed: its stdout."""
        done = self.tandem(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def wait_for_children(self, process, count):
        """The process ids of a command's workers, once there are so many."""
        path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            children = path.read_text().split()
            if len(children) >= count:
                return [int(child) for child in children]
            time.sleep(0.002)
        self.fail(f"no {count} workers in a minute")


def shown_on_terminal(run):
    """What is written to the terminal that `run` is called with, a descriptor, and returns from."""
    master, slave = pty.openpty()
    run(slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(master)
    return shown.decode()


def free_port():
    """A TCP port of this machine that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    """Runs the calling file's tests on the program that argv[1] names."""
    TandemTest.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
