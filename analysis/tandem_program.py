"""The tandem program as Python sees it: where it is, and what --json says.

A program that fails raises TandemError with what it printed.
"""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class TandemError(Exception):
    """tandem cannot be found, or failed."""


def find(path=None):
    """The program at `path`; without one, build/tandem of this tree, else the one on PATH."""
    if path:
        found = shutil.which(path)
    else:
        built = ROOT / "build" / "tandem"
        found = str(built) if os.access(built, os.X_OK) else shutil.which("tandem")
    if not found:
        raise TandemError(f"no program at {path}" if path else
                          "no build/tandem and no tandem on PATH: './bootstrap build' makes one")
    return os.path.abspath(found)


class Tandem:
    """Runs scenarios; the same question is asked once only. Threads may share one."""

    def __init__(self, program):
        self.program = program
        self.answers = {}
        self.lock = threading.Lock()
        self.count = 0

    def run(self, scenario, *sets):
        """`tandem run --json` of a scenario with keys overridden: "layout.tensor_parallel=4"."""
        return self._ask("run", "--quiet", scenario, *self._options(sets))

    def check(self, scenario, *sets, recommend=False):
        """`tandem check --json` of it."""
        more = ["--recommend"] if recommend else []
        return self._ask("check", *more, scenario, *self._options(sets))

    @staticmethod
    def _options(sets):
        return [word for one in sets for word in ("--set", one)]

    def _ask(self, command, *arguments):
        question = (command, *map(str, arguments))
        with self.lock:
            answer = self.answers.get(question)
        if answer is None:
            answer = self._call(question)
            with self.lock:
                self.count += question not in self.answers
                self.answers[question] = answer
        return answer

    def _call(self, question):
        done = subprocess.run([self.program, *question, "--json"], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise TandemError(f"tandem {' '.join(question)}\n{done.stderr.strip()}")
        return json.loads(done.stdout)
