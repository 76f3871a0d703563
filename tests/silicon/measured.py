"""Runs of a serving engine that were measured: their requests, steps and GPU times, by case.

A folder a run: meta.json, requests.csv, steps.csv and stages.csv, any of the CSVs gzipped. Such
folders are those under tests/silicon/served, which ship with the project, and those under h200/ of
the folder that TANDEM_SILICON names, ../shared/silicon beside the source by default.
"""

import csv
import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
SILICON = Path(os.environ.get("TANDEM_SILICON", ROOT.parent / "shared" / "silicon"))
SERVED = Path(__file__).with_name("served")
EQUAL_CONTEXT = 1.5  # contexts of decodes within this factor are alike


@dataclass
class Case:
    """Requests and steps of one case, measured or simulated; times from the case's start."""
    requests: numpy.ndarray  # (n, 5): arrival, first token, done, input and output tokens
    decode_steps_s: numpy.ndarray
    busy_s: dict             # by stage, a GPU's mean

    @property
    def duration_s(self):
        return self.requests[:, 2].max()

    def metrics(self):
        arrival, first, done, _, tokens = self.requests.T
        tpot = (done - first) / numpy.maximum(1, tokens - 1)
        result = {"TPOT p50": numpy.median(tpot), "tokens/s": tokens.sum() / self.duration_s,
                  "TTFT p50": numpy.median(first - arrival),
                  "TTFT p95": numpy.percentile(first - arrival, 95),
                  "E2E p50": numpy.median(done - arrival)}
        if len(self.decode_steps_s):
            result["decode step"] = numpy.median(self.decode_steps_s)
        for stage, busy_s in sorted(self.busy_s.items()):
            result[f"busy {stage}"] = busy_s / self.duration_s
        return {name: float(value) for name, value in result.items()}


@dataclass
class Run:
    """All cases of a folder."""
    folder: Path
    meta: dict
    cases: dict       # name: Case
    equal_steps: dict  # case: how much longer its steps took than equal ones of other cases

    @property
    def layout(self):
        """What runs that are repeats of each other have in common."""
        return tuple(str(self.meta[key]) for key in ("model", "tp", "pp", "layers", "p2p_disabled",
                                                     "host_slowdown"))


def folders():
    """Of all runs at hand."""
    found = [*SILICON.glob("h200/*/meta.json"), *SERVED.glob("*/meta.json")]
    return sorted((path.parent for path in found), key=lambda folder: folder.name)


def rows(folder, name):
    """The rows of a CSV, or of its gzipped form."""
    path = folder / name
    opened = open(path, newline="", encoding="utf-8") if path.exists() else \
        gzip.open(folder / f"{name}.gz", "rt", newline="", encoding="utf-8")
    with opened as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def grouped(found, column):
    """Rows by the value of a column, in the file's order."""
    groups = {}
    for row in found:
        groups.setdefault(row[column], []).append(row)
    return groups


def stage_times(stages):
    """{case: {step: {stage: (last end less first start, a GPU's mean time)}}}, in seconds."""
    spans = {}
    for row in stages:
        key = row["case"], int(row["step"]), int(row["stage"])
        spans.setdefault(key, []).append((1e-3 * float(row["start_ms"]),
                                          1e-3 * float(row["end_ms"])))
    times = {}
    for (case, step, stage), gpus in spans.items():
        starts, ends = zip(*gpus)
        times.setdefault(case, {}).setdefault(step, {})[stage] = (
            max(ends) - min(starts), (sum(ends) - sum(starts)) / len(gpus))
    return times


def busy_s(steps):
    """By stage: the time that a GPU of it computed."""
    totals = {}
    for stages in steps.values():
        for stage, (_, mean_s) in stages.items():
            totals[stage] = totals.get(stage, 0) + mean_s
    return totals


def batch_of(step):
    """What steps have in common whose batches are equal."""
    decodes, context = int(step["decode_tokens"]), int(step["decode_context_tokens"])
    alike = round(numpy.log(context) / numpy.log(EQUAL_CONTEXT)) if context else 0
    return decodes, alike, step["prefill_chunks"]


def equal_steps(steps, times):
    """
    {case: how much longer its steps held their GPUs than steps of other cases with equal batches
    did, in the median of each batch}; cases most of whose time has no equal are left out.
    """
    held_s = {}  # batch: {case: seconds of each of its steps}
    for step in steps:
        seconds = max(span for span, _ in times[step["case"]][int(step["step"])].values())
        held_s.setdefault(batch_of(step), {}).setdefault(step["case"], []).append(seconds)
    here_s, there_s, total_s = {}, {}, {}
    for of_cases in held_s.values():
        for case, mine in of_cases.items():
            others = [one for other, theirs in of_cases.items() if other != case for one in theirs]
            total_s[case] = total_s.get(case, 0) + sum(mine)
            if others:
                here_s[case] = here_s.get(case, 0) + sum(mine)
                there_s[case] = there_s.get(case, 0) + len(mine) * float(numpy.median(others))
    return {case: here_s[case] / there_s[case] - 1
            for case in here_s if here_s[case] > 0.5 * total_s[case]}


def read(folder):
    with open(folder / "meta.json", encoding="utf-8") as file:
        meta = {"host_slowdown": 1} | json.load(file)
    times = stage_times(rows(folder, "stages.csv"))
    all_steps = rows(folder, "steps.csv")
    steps = grouped(all_steps, "case")
    columns = ("arrival_s", "first_token_s", "done_s", "input_tokens", "output_tokens")
    cases = {case: Case(numpy.array([[float(one[column]) for column in columns]
                                     for one in requests]),
                        numpy.array([float(step["done_s"]) - float(step["scheduled_s"])
                                     for step in steps[case] if not step["prefill_chunks"]]),
                        busy_s(times[case]))
             for case, requests in grouped(rows(folder, "requests.csv"), "case").items()}
    return Run(folder, meta, cases, equal_steps(all_steps, times))
