#!/usr/bin/python3
"""Is README.md true? Its commands run, its scenarios load, its links lead somewhere."""

import re
import shlex
import subprocess

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


class Readme(TandemTest):
    def setUp(self):
        super().setUp()
        for name in ("configs", "traces"):
            (self.folder / name).symlink_to(ROOT / name)

    def run_here(self, words):
        done = subprocess.run(words, cwd=self.folder, env=ENVIRONMENT, capture_output=True,
                              text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stderr}")
        return done.stdout

    def test_commands_run(self):
        # Expect every command of the program, in a table, a sentence or a block, to succeed.
        commands = re.findall(r"(?:^|`)(build/tandem [^`\n]*)", README, re.MULTILINE)
        self.assertGreater(len(commands), 6)
        for command in commands:
            with self.subTest(command):
                self.run_here([self.program, *shlex.split(command)[1:]])

    def test_the_result_in_pandas(self):
        # Expect the example to run on the file that the command above it writes.
        for block in blocks("sh")[1:]:
            self.run_here([self.program, *shlex.split(block)[1:]])
        example, = blocks("python")
        self.assertLessEqual(len(example.splitlines()), 5)
        self.assertIn("0.95", self.run_here(["/usr/bin/python3", "-c", example]))

    def test_scenario_loads(self):
        # Expect the scenario to run as it stands, and with the other workload in its place.
        whole, workload = blocks("yaml")
        (self.folder / "whole.yaml").write_text(whole)
        self.run_here([self.program, "run", "whole.yaml", "--quiet"])
        (self.folder / "drawn.yaml").write_text(
            re.sub(r"workload:\n.*\n", "", whole) + workload)
        self.run_here([self.program, "run", "drawn.yaml", "--quiet"])

    def test_links_lead_somewhere(self):
        # Expect each file that is linked or named as a path to be there.
        paths = re.findall(r"\]\(([^)#:]+)\)", README)
        paths += re.findall(r"`(analysis/[\w.]+)`", README)
        self.assertGreater(len(paths), 20)
        for path in paths:
            self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    main()
