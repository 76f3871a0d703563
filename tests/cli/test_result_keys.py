#!/usr/bin/python3
"""doc/results.md: does it list every key and column of the results, and no others?"""

import csv
import itertools
import json
import re

import h5py
from tandem_cli import ROOT, SCENARIO, SMALL, TandemTest, main
from test_calibrate import COLLECTIVES, GPU
from test_plan import BOUGHT
from test_sweep import BRIEF

# What holds keys that the scenario or the program's user names.
OPEN = "mapping"

# The columns of a sweep's points that its axes make.
AXES = {"variant", "layout.tensor_parallel", "layout.pipeline_parallel", "workload.arrivals.rate"}


def expand(key):
    """The keys that one with braces stands for."""
    parts = [part.split(",") for part in re.split(r"[{}]", key)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def anchor(heading):
    return heading.lower().replace(" ", "-").replace("`", "")


def read_page():
    """Each section's rows: the key as it is written, its unit and its definition."""
    text = (ROOT / "doc" / "results.md").read_text()
    sections = {}
    for piece in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = piece.partition("\n")
        rows = re.findall(r"^\| `([^`]+)` \|(.*)\|(.*)\|$", body, re.MULTILINE)
        sections[anchor(heading)] = [(key, unit.strip(), text) for key, unit, text in rows]
    return sections


PAGE = read_page()


def keys_of(section):
    """A section's keys in full, each with its unit."""
    keys = {}
    for key, unit, text in PAGE[section]:
        part = re.search(r"\]\(#([\w-]+)\)", text)
        for one in expand(key):
            if one.endswith("*"):
                keys |= {one[:-1] + inner: its for inner, its in keys_of(part[1]).items()}
            else:
                keys[one] = unit
    return keys


def paths(value, path=""):
    """The dotted paths of an object's scalars, and of what is empty in it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from paths(inner, path + "[]")
    else:
        yield path + "[]" if isinstance(value, list) else path


def is_part_of(path, other):
    return path.startswith((other + ".", other + "["))


class ResultKeys(TandemTest):
    def assert_listed(self, section, emitted):
        """Expect what is emitted to be listed, and the other way round. What is null or empty has
        keys where it is not; what the page lists as a whole may have any."""
        listed = keys_of(section)
        whole = {key for key, unit in listed.items() if unit == OPEN}
        parts = {key for key in listed if any(is_part_of(other, key) for other in listed)}
        emitted = {path for path in emitted
                   if not any(is_part_of(path, key) for key in whole)
                   and not any(is_part_of(key, path.removesuffix("[]")) for key in listed
                               if key != path)}
        self.assertEqual(emitted - whole, set(listed) - whole - parts)

    def printed(self, *arguments):
        done = self.tandem(*arguments, "--json")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return set(paths(json.loads(done.stdout)))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_run(self):
        # One of tensor parallelism over PCIe, which warns, and one with KV on its way.
        self.assert_listed("run---json", self.printed("run", SCENARIO, *SMALL, "--bands", "--set",
                                                      "cluster=clusters/pcie-h100") |
                           self.printed("run", "scenarios/70b-disaggregated", *SMALL))

    def test_check(self):
        # Dense and recommended; two pools; experts dealt out, which warns; a group on two nodes.
        self.assert_listed(
            "check---json",
            self.printed("check", SCENARIO, *SMALL, "--recommend") |
            self.printed("check", "scenarios/70b-disaggregated") |
            self.printed("check", "scenarios/moe-expert-parallel",
                         "--set", "layout.sequence_parallel=true") |
            self.printed("check", SCENARIO, "--set", "cluster=clusters/hgx-h100-2-nodes",
                         "--set", "layout.tensor_parallel=16",
                         "--set", "layout.pipeline_parallel=1",
                         "--set", "model={base: models/llama-3.1-70b, kv_heads: 16}"))

    def test_compare(self):
        file = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-q", "-o", file)
        columns = ["arrival_s", "input_tokens", "output_tokens", "first_token_s", "done_s"]
        with h5py.File(file) as run, open(self.folder / "measured.csv", "w") as measured:
            table = csv.writer(measured)
            table.writerow(columns)
            table.writerows(sorted(zip(*(run["requests"][column] for column in columns))))
        self.assert_listed("compare---json",
                           self.printed("compare", file, self.folder / "measured.csv"))

    def test_trace_info(self):
        self.assert_listed("trace-info---json",
                           self.printed("trace", "info", ROOT / "traces" / "chat.csv"))

    def test_collective(self):
        self.assert_listed("collective---json", self.printed(
            "collective", "all_reduce", "--cluster", "clusters/hgx-h100"))

    def test_calibrate(self):
        rows = "".join(f"all_reduce,{ranks},{1 << size},1,1,{ranks * size}\n"
                       for ranks in (2, 4, 8) for size in range(12, 24))
        self.assert_listed("calibrate---json", self.printed(
            "calibrate", self.file("collectives.csv", COLLECTIVES + rows), "--source", "this test",
            "-o", self.folder / "gpu", "--gpu", self.file("gpu.yaml", GPU)))

    def test_plan(self):
        # One that is met, and the lists of its file.
        file = self.folder / "plan.h5"
        plan = self.file("plan.yaml", BOUGHT.replace("requests: 800", "requests: 300"))
        self.assert_listed("plan---json", self.printed("plan", plan, "-q", "-o", file))
        with h5py.File(file) as results:
            self.assertEqual(set(results), {"plans", "growth", "trials", "summary"})
            for table in ("plans", "growth", "trials"):
                self.assert_listed(f"/{table}", results[table].dtype.names)
            self.assert_listed("plan-/summary", results["summary"].attrs)

    def test_the_file_of_a_run(self):
        file = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-q", "-o", file, "--timeline", "steps")
        with h5py.File(file) as results:
            tables = []
            results.visititems(lambda name, item:
                               tables.append(name) if isinstance(item, h5py.Dataset) else None)
            self.assertEqual(len(tables), 10)
            for table in tables:
                with self.subTest(table=table):
                    self.assert_listed(f"/{table}", results[table].dtype.names)

    def test_the_file_of_a_sweep(self):
        file = self.folder / "sweep.h5"
        self.tandem_ok("sweep", self.file("sweep.yaml", BRIEF), "-q", "-o", file)
        with h5py.File(file) as results:
            self.assertEqual(set(results), {"points", "curves", "records", "header"})
            self.assert_listed("/points", set(results["points"].dtype.names) - AXES)

    def test_links_within_the_page_lead_somewhere(self):
        for anchor_of in re.findall(r"\]\(#([\w-]+)\)", (ROOT / "doc" / "results.md").read_text()):
            self.assertIn(anchor_of, PAGE)


if __name__ == "__main__":
    main()
