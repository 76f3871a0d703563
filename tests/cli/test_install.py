#!/usr/bin/python3
"""Does an installation work without the folder that it was built from?"""

import os
import subprocess
from pathlib import Path

from tandem_cli import TandemTest, main

PLAN = """
scenario:
  base: scenarios/bench-blis
  workload: {requests: 500}
  slo: {ttft: 2 s}
clusters: [clusters/hgx-h100]
tensor_parallel: [4, 8]
"""


class Install(TandemTest):
    def setUp(self):
        super().setUp()
        tree = self.folder / "tree"
        subprocess.run(["meson", "install", "-C", Path(self.program).parent, "--no-rebuild",
                        "--quiet", "--destdir", tree], check=True, stdout=subprocess.DEVNULL)
        self.installed, = tree.glob("**/bin/tandem")
        self.data, = tree.glob("**/share/tandem")

    def run_installed(self, *arguments):
        """Runs the installed program among installed files alone; its stdout."""
        done = subprocess.run([self.installed, *map(str, arguments)], cwd=self.folder,
                              env=dict(os.environ, TANDEM_DATA_DIR=str(self.data)),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_command_works(self):
        # Expect what is installed to run a scenario that is installed, with its trace, and to make
        # pages of a run, a sweep and a plan.
        self.run_installed("run", "scenarios/default", "-o", "run.h5")
        self.run_installed("sweep", "sweeps/70b-concurrency", "--set",
                           "workload.requests=20", "-o", "sweep.h5")
        (self.folder / "plan.yaml").write_text(PLAN)
        self.run_installed("plan", "plan.yaml", "-o", "plan.h5")
        for name in ("run", "sweep", "plan"):
            self.run_installed("report", f"{name}.h5")
            self.assertIn("</html>", (self.folder / f"{name}.html").read_text())

    def test_manual_is_there(self):
        # Expect the manual page beside the program.
        self.assertEqual(len(list(self.installed.parent.parent.glob("share/man/man1/tandem.1*"))), 1)


if __name__ == "__main__":
    main()
