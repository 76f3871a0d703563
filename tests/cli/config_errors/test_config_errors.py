#!/usr/bin/python3
"""Is every configuration error what a person needs, and is every one reached?

    test_config_errors.py LOAD_SCENARIO SOURCE_DIRECTORY [--accept]

Each cases/NAME.yaml is wrong; cases/NAME.txt holds what must be said about it,
to the byte. Lines `# --set KEY=VALUE` and `# --output FILE` at a case's top are
given as options.
Then every message in the sources of the configuration must have been said by
some case. --accept writes the .txt files anew, to be read before they are kept.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "cases"

# Where messages are written, and which argument is their format.
SOURCES = ["config/yaml_tree.c", "base/quantity.c", "config/config_*.c"]
REPORTERS = {"diagnostics_add": 2, "config_reader_report": 2, "error_set": 2}

EXIT_CONFIG = 3
EXIT_IO = 4


def run(directory, scenario, output="", options=()):
    command = [PROGRAM, scenario, "configs", output, *options]
    done = subprocess.run(command, cwd=directory, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def options_of(case):
    text = case.read_bytes().decode(errors="replace")
    output = re.search(r"^# --output (.*)$", text, re.MULTILINE)
    return output[1] if output else "", re.findall(r"^# --set (.*)$", text, re.MULTILINE)


def arguments(code, start):
    """The arguments of the call whose parenthesis opens before `start`."""
    found, depth, argument, at = [], 1, "", start
    while depth > 0:
        token = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|.', re.DOTALL).match(code, at)[0]
        at += len(token)
        depth += (token in "([{") - (token in ")]}")
        if depth == 0 or (depth == 1 and token == ","):
            found.append(argument.strip())
            argument = ""
        else:
            argument += token
    return found


def pattern(text):
    """A C format as a regular expression; None where it only passes a text on."""
    pieces = re.split(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:[hlzj]*)[a-zA-Z]", text)
    if not any(piece.strip(" :'") for piece in pieces):
        return None
    return ".*".join(re.escape(piece) for piece in pieces)


def formats(path):
    """Each message's format in a C source, with its line."""
    code = path.read_text()
    for call in re.finditer(r"\b(%s)\(" % "|".join(REPORTERS), code):
        argument = arguments(code, call.end())[REPORTERS[call[1]]]
        # Where the code chooses between two formats, both must be reached.
        strings = re.findall(r'"(?:\\.|[^"\\])*"|PRI\w+|:', argument)
        text = "".join("u" if s.startswith("PRI") else "\0" if s == ":" else s[1:-1] for s in strings)
        for each in text.split("\0"):
            yield code.count("\n", 0, call.start()) + 1, each


class ConfigErrors(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.directory = pathlib.Path(cls.folder.name) / "cases"
        shutil.copytree(CASES, cls.directory)
        # Too large to ship: 17 MiB of comment.
        (cls.directory / "huge.yaml").write_text("#" * (17 << 20))
        # As large, and a run's output taken for its scenario.
        (cls.directory / "run.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(17 << 20))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def said(self):
        """What each case makes the loader say."""
        for case in sorted(CASES.glob("*.yaml")):
            status, text = run(self.directory, case.name, *options_of(case))
            yield case, status, text

    def test_each_case_says_what_it_must(self):
        for case, status, text in self.said():
            with self.subTest(case.name):
                self.assertEqual(status, EXIT_CONFIG)
                self.assertEqual(text, case.with_suffix(".txt").read_text())

    def test_the_scenario_that_they_build_on_is_right(self):
        status, text = run(self.directory, "configs/scenarios/good.yaml")
        self.assertEqual((status, "missing" in text), (0, False), text)

    def test_files_that_cannot_be_read(self):
        expected = {
            "nowhere.yaml": (EXIT_IO, "cannot read 'nowhere.yaml': No such file or directory\n"),
            ".": (EXIT_IO, "cannot read '.': Is a directory\n"),
            "run.h5": (EXIT_CONFIG, "'run.h5' is an HDF5 file, not YAML; results are read by "
                                    "'tandem report' and 'tandem export'\n"),
            "huge.yaml": (EXIT_CONFIG, "'huge.yaml' is larger than 16 MiB\n"),
        }
        for path, answer in expected.items():
            with self.subTest(path):
                self.assertEqual(run(self.directory, path), answer)

    def test_every_message_is_reached(self):
        everything = "".join(text for _, _, text in self.said())
        everything += "".join(run(self.directory, path)[1] for path in ("nowhere.yaml", ".", "run.h5"))
        count = 0
        for source in (path for glob in SOURCES for path in sorted(SOURCE.glob(glob))):
            for line, text in formats(source):
                wanted = pattern(text)
                if wanted is None:
                    continue
                count += 1
                with self.subTest(f"{source.name}:{line}"):
                    self.assertIsNotNone(re.search(wanted, everything), f"never said: {text}")
        # The search itself works: there are dozens of messages.
        self.assertGreater(count, 50)


def accept():
    ConfigErrors.setUpClass()
    for case, _, text in ConfigErrors().said():
        case.with_suffix(".txt").write_text(text)
    ConfigErrors.tearDownClass()


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
    SOURCE = pathlib.Path(sys.argv[2]).resolve()
    if "--accept" in sys.argv[3:]:
        accept()
    else:
        unittest.main(argv=sys.argv[:1])
