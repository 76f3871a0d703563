#!/usr/bin/python3
"""analysis/: does every script say what it is for, whatever is not installed?"""

import os
import subprocess
import sys

from tandem_cli import ROOT, TandemTest, main

SCRIPTS = sorted(path for path in (ROOT / "analysis").rglob("*.py")
                 if '__name__ == "__main__"' in path.read_text())


class Analysis(TandemTest):
    def setUp(self):
        super().setUp()
        # Modules that cannot be imported, as if they were not there.
        for name in ("torch", "triton"):
            (self.folder / f"{name}.py").write_text(
                f"raise ModuleNotFoundError('no {name}', name='{name}')\n")

    def run_script(self, path, *arguments):
        environment = dict(os.environ, PYTHONPATH=str(self.folder), PYTHONDONTWRITEBYTECODE="1")
        return subprocess.run([sys.executable, path, *arguments], env=environment, timeout=60,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def test_help(self):
        # Expect usage from each, without a GPU's libraries, and each to be a program.
        self.assertGreater(len(SCRIPTS), 12)
        for path in SCRIPTS:
            with self.subTest(path.name):
                done = self.run_script(path, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, "^usage: ")
                self.assertTrue(os.access(path, os.X_OK))

    def test_what_goes_wrong_in_drawing_is_not_the_file_s(self):
        # Expect matplotlib's own errors to stay what they are, and no file to be called damaged.
        script = ("import matplotlib.colors, results\n"
                  "with results.reading('a.h5'): matplotlib.colors.to_rgba('no colour')\n")
        done = subprocess.run(["/usr/bin/python3", "-c", script], cwd=ROOT / "analysis", timeout=60,
                              env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
                              capture_output=True, text=True)
        self.assertNotIn("damaged", done.stderr)
        self.assertRegex(done.stderr, "ValueError: .*no colour")

    def test_what_is_missing_is_named(self):
        # Expect a sentence in place of a traceback where the work itself needs what is not there.
        for name in ("ops.py", "comm.py", "power.py", "share.py", "waits.py"):
            with self.subTest(name):
                done = self.run_script(ROOT / "analysis" / "measure" / name)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, rf"^{name}: there is no torch for this Python; ")


if __name__ == "__main__":
    main()
