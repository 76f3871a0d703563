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
        for name in ("analysis", "configs", "traces"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder / "doc").mkdir()

    def run_here(self, words):
        done = subprocess.run(words, cwd=self.folder, env=ENVIRONMENT, capture_output=True,
                              text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stderr}")
        return done.stdout

    def run_block(self, block):
        for line in block.splitlines():
            program, *words = shlex.split(line, comments=True)
            self.run_here([self.program if program == "build/tandem" else program, *words])

    def test_commands_run(self):
        # Expect every command of the program, in a table or a sentence, to succeed.
        commands = re.findall(r"`(build/tandem [^`\n]*)`", README)
        self.assertGreater(len(commands), 6)
        for command in commands:
            with self.subTest(command):
                self.run_here([self.program, *shlex.split(command)[1:]])

    def test_the_figure(self):
        # Expect the commands below the figure to draw it, to the byte.
        name, = re.findall(r"!\[.*\]\((.*)\)", README)
        _, commands, _ = blocks("sh")
        self.run_block(commands)
        self.assertEqual((self.folder / name).read_bytes(), (ROOT / name).read_bytes(),
                         f"run the commands below the figure, and look at {name}")

    def test_the_result_in_pandas(self):
        # Expect the example to run on the file that the command above it writes.
        *_, command = blocks("sh")
        self.run_block(command)
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
