#!/usr/bin/python3
"""doc/scenario.md: does the page list the keys that scenarios may have, and no others?"""

import re

from tandem_cli import ROOT, SCENARIO, TandemTest, main

PAGE = (ROOT / "doc" / "scenario.md").read_text()

# What some keys must be for the others beside them to be looked at.
VALUES = {"process": "gamma", "distribution": "lognormal"}

# The functions that ask for a key by its name.
READERS = "config_read_|config_reader_has|config_reader_enter|config_lengths_read|read_"


def sections():
    """Each mapping's keys and what their values may be, by its path."""
    found = {}
    for piece in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", piece, re.MULTILINE)
        found[re.match(r"`([\w.]+)`", piece)[1]] = dict(rows)
    return found


def words_of(text):
    """"a, b or c" as a set; empty where it is no such list."""
    return set(re.split(", | or ", text)) if re.fullmatch(r"\w+((, | or )\w+)+", text) else set()


def assignments(path, keys):
    """The options that put a wrong value under each of the mapping's keys."""
    if path == "scenario":
        return [f"{key}='?'" for key in keys]
    mapping = "{" + ", ".join(f"{key}: {VALUES.get(key, '[]')}" for key in keys) + "}"
    if path == "layout.pools":
        return [f"layout={{pools: {mapping}}}"]
    if path == "layout.pools.prefill":
        return [f"layout={{pools: {{prefill: {mapping}, decode: {{}}}}}}"]
    if path.startswith("workload.") and path != "workload.trace":
        key = path.split(".")[1]
        others = "arrivals: {process: constant, rate: 1 /s}, requests: 1, output_tokens: 1, "
        others = others if key != "arrivals" else "requests: 1, output_tokens: 1, "
        return [f"workload={{{others}{key}: {mapping}}}"]
    if path == "events":
        return [f"events=[{mapping}]"]
    if path == "events.slow":
        return [f"events=[{{at: 1 s, slow: {mapping}}}]"]
    if path == "cluster.fabric":
        return ["cluster=clusters/hgx-h100-2-nodes", f"{path}={mapping}"]
    return [f"{path}={mapping}"]


class ScenarioKeys(TandemTest):
    def mistakes(self, path, keys):
        """What the program says to wrong values of the mapping's keys."""
        options = [word for each in assignments(path, keys) for word in ("--set", each)]
        done = self.tandem("check", SCENARIO, *options)
        self.assertEqual(done.returncode, 3, done.stderr)
        return done.stderr

    def test_every_key_of_the_page_is_known(self):
        # Expect none to be unknown, and one that is in no page to be: the mapping was looked at.
        for path, keys in sections().items():
            with self.subTest(path=path):
                said = self.mistakes(path, [*keys, "no_such_key"])
                self.assertEqual(re.findall(r"unknown key '(\w+)'", said), ["no_such_key"])

    def test_the_values_are_those_that_the_program_takes(self):
        # Expect the words, and the numbers from one to another, that it says it would have taken.
        checked = 0
        for path, keys in sections().items():
            said = self.mistakes(path, keys)
            for key, value in keys.items():
                words = re.search(rf"'{key}' must be ([\w, ]+), not", said)
                bounds = re.search(rf"'{key}' must be a number from (\S+) to (\S+), not", said)
                with self.subTest(path=path, key=key):
                    if words and words_of(words[1]):
                        self.assertEqual(words_of(value), words_of(words[1]))
                        checked += 1
                    if bounds:
                        low, high = value.split(" to ")
                        self.assertEqual((float(low), float(high)),
                                         (float(bounds[1]), float(bounds[2])))
                        checked += 1
        self.assertGreater(checked, 25)

    def test_every_key_that_is_read_is_in_the_page(self):
        # Expect each key that the readers of a scenario ask for to be listed.
        listed = {key for keys in sections().values() for key in keys}
        asked = set()
        for source in (ROOT / "src" / "config").glob("config_*.c"):
            calls = rf'\b(?:{READERS})\w*\([^;{{"]*?"([a-z]\w*)"'
            asked |= set(re.findall(calls, source.read_text()))
        self.assertGreater(len(asked), 100)
        self.assertEqual(asked - listed, set())


if __name__ == "__main__":
    main()
