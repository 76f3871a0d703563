#!/usr/bin/python3
"""doc/: do the pages list the keys that scenarios, sweeps and plans may have, and no others?"""

import re

from tandem_cli import ROOT, SCENARIO, TandemTest, main

# What some keys must be for the others beside them to be looked at.
VALUES = {"process": "gamma", "distribution": "lognormal", "load": "workload.arrivals.rate"}

# The functions that ask for a key by its name.
READERS = "config_read_|config_reader_has|config_reader_enter|config_lengths_read|read_"


def words_of(text):
    """"a, b or c" as a set; empty where it is no such list."""
    is_list = re.fullmatch(r"[\w.]+((, | or )[\w.]+)+", text)
    return set(re.split(", | or ", text)) if is_list else set()


def wrong(keys):
    """A mapping with a wrong value for each of the keys."""
    return "{" + ", ".join(f"{key}: {VALUES.get(key, '[]')}" for key in keys) + "}"


class Page:
    """The tests of a page; who has one says what the program answers to mistakes, and the rest."""

    name: str
    sources: str             # where its keys are asked for, under src/
    keys_min: int            # of them, at the least,
    values_checked_min: int  # and of those whose values the program tells

    def mistakes(self, path, keys):
        """What the program says to wrong values of the mapping's keys."""
        raise NotImplementedError

    def sections(self):
        """Each mapping's keys and what their values may be, by its path."""
        found = {}
        text = (ROOT / "doc" / self.name).read_text()
        for piece in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:]:
            path = re.match(r"`([\w.]+)`", piece)
            rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", piece, re.MULTILINE)
            if path:
                found[path[1]] = dict(rows)
        return found

    def test_every_key_of_the_page_is_known(self):
        # Expect none to be unknown, and one that is in no page to be: the mapping was looked at.
        for path, keys in self.sections().items():
            with self.subTest(path=path):
                said = self.mistakes(path, [*keys, "no_such_key"])
                self.assertEqual(re.findall(r"unknown key '(\w+)'", said), ["no_such_key"])

    def test_the_values_are_those_that_the_program_takes(self):
        # Expect the words, and the numbers from one to another, that it says it would have taken.
        checked = 0
        for path, keys in self.sections().items():
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
        self.assertGreaterEqual(checked, self.values_checked_min)

    def test_every_key_that_is_read_is_in_the_page(self):
        # Expect each key that the readers ask for to be listed.
        listed = {key for keys in self.sections().values() for key in keys}
        asked = set()
        for source in (ROOT / "src").glob(self.sources):
            calls = rf'\b(?:{READERS})\w*\([^;{{"]*?"([a-z]\w*)"'
            asked |= set(re.findall(calls, source.read_text()))
        self.assertGreaterEqual(len(asked), self.keys_min)
        self.assertEqual(asked - listed, set())


class ScenarioKeys(Page, TandemTest):
    name = "scenario.md"
    sources = "config/config_*.c"
    keys_min = 100
    values_checked_min = 26

    @staticmethod
    def assignments(path, keys):
        """The options that put a wrong value under each of the mapping's keys."""
        if path == "scenario":
            return [f"{key}='?'" for key in keys]
        mapping = wrong(keys)
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

    def mistakes(self, path, keys):
        options = [word for each in self.assignments(path, keys) for word in ("--set", each)]
        done = self.tandem("check", SCENARIO, *options)
        self.assertEqual(done.returncode, 3, done.stderr)
        return done.stderr


class FilePage(Page):
    """A page of a kind of file that a command reads."""

    command: str
    files: dict  # of each mapping's path, a file with a place for it

    def mistakes(self, path, keys):
        file = self.folder / "wrong.yaml"
        file.write_text(self.files[path].replace("MAPPING", wrong(keys)))
        done = self.tandem(self.command, file)
        self.assertEqual(done.returncode, 3, done.stderr)
        return done.stderr


class SweepKeys(FilePage, TandemTest):
    name = "sweep.md"
    sources = "sweep/sweep_reader.c"
    keys_min = 11
    values_checked_min = 0
    command = "sweep"
    files = {
        "sweep": "MAPPING",
        "sweep.curves": "{scenario: scenarios/default, curves: MAPPING}",
    }


class PlanKeys(FilePage, TandemTest):
    name = "plan.md"
    sources = "plan/plan_reader.c"
    keys_min = 29
    values_checked_min = 5
    command = "plan"
    files = {
        "plan": "MAPPING",
        "plan.clusters": "{scenario: scenarios/default, clusters: [MAPPING]}",
        "plan.clusters.purchase":
            "{scenario: scenarios/default, clusters: [{cluster: clusters/hgx-h100, purchase: MAPPING}]}",
        "plan.limits": "{scenario: scenarios/default, limits: MAPPING}",
        "plan.rack": "{scenario: scenarios/default, rack: MAPPING}",
        "plan.ownership": "{scenario: scenarios/default, ownership: MAPPING}",
    }


if __name__ == "__main__":
    main()
