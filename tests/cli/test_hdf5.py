#!/usr/bin/python3
"""tandem run -o: does h5py read back what the run was?"""

import fcntl
import json
import re
import sys
import threading

import h5py
import numpy

from tandem_cli import ROOT, SCENARIO, SMALL, TandemTest, main

sys.path.insert(0, str(ROOT / "analysis"))
import results

COLUMNS = {
    "requests": "id arrival_s input_tokens output_tokens replica scheduled_s first_token_s done_s"
    " preemptions cached_tokens",
    "steps": "replica step scheduled_s done_s prefill_tokens decode_tokens decode_context_tokens",
    "spans": "start_ps duration_ps replica stage kind step layer bytes",
    "links": "link start_s duration_s bytes busy_s",
}

UNITS = {"_s": "s", "_ps": "ps", "_tokens": "tokens", "bytes": "bytes"}


class Hdf5(TandemTest):
    def run_to_file(self, *options, name="out.h5"):
        """A small run's file and the JSON that it printed."""
        path = self.folder / name
        printed = self.tandem_ok("run", SCENARIO, *SMALL, "--json", "-o", path, *options)
        file = h5py.File(path, "r")
        self.addCleanup(file.close)
        return file, json.loads(printed)

    def test_the_analysis_reads_quantities_as_the_program_does(self):
        # Expect an SLO in any spelling that tandem takes to be the same number of seconds.
        spellings = {"500 ms": 0.5, "500ms": 0.5, "5e2 ms": 0.5, ".5 s": 0.5, "2 min": 120,
                     "1.5h": 5400, "250000 \u00b5s": 0.25}
        for index, (spelling, seconds) in enumerate(spellings.items()):
            with self.subTest(spelling=spelling):
                file, _ = self.run_to_file("--set", f"slo={{ttft: {spelling}}}",
                                           name=f"{index}.h5")
                slo_s = results.Scenario(file.attrs["scenario"]).slo_s
                self.assertAlmostEqual(slo_s["ttft"], seconds, delta=1e-12)

    def test_columns_and_units(self):
        # Expect the documented columns, and for each the unit that its name promises.
        file, _ = self.run_to_file("--timeline", "layers")
        for table, columns in COLUMNS.items():
            self.assertEqual(file[table].dtype.names, tuple(columns.split()))
            units = dict(zip(file[table].dtype.names, file[table].attrs["units"]))
            for column, unit in units.items():
                expected = [unit for end, unit in UNITS.items() if column.endswith(end)]
                self.assertEqual([unit], expected or ["1"], f"{table}.{column}")

    def test_root_attributes(self):
        # Expect the version, the seed and the whole scenario, the files it names and --set in it.
        file, _ = self.run_to_file("--set", "run.seed=77")
        self.assertEqual(file.attrs["seed"], 77)
        self.assertEqual(self.tandem_ok("--version").split()[1], file.attrs["version"])
        for text in ("hidden: 8192", "tensor_parallel: 4", "requests: 200", "seed: 77"):
            self.assertIn(text, file.attrs["scenario"])

    def test_scenario_runs_again_from_anywhere(self):
        # Expect the scenario in a run's file, saved elsewhere, to find its trace and its GPU's
        # tables and to give the same file.
        first, again, second = (self.folder / name for name in ("a.h5", "again.yaml", "b.h5"))
        short = ("--set", "run.duration=20 s", "--quiet")
        self.tandem_ok("run", SCENARIO, *short, "-o", first)
        with h5py.File(first) as file:
            again.write_text(file.attrs["scenario"], encoding="utf-8")
        self.tandem_ok("run", again, "--quiet", "-o", second)
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_requests(self):
        # Expect each request once, with 0 <= arrival <= scheduled <= first token <= done, and
        # TTFT as in the summary.
        file, printed = self.run_to_file()
        requests = file["requests"][:]
        self.assertEqual(sorted(requests["id"]), list(range(200)))
        times = [requests[f"{moment}_s"] for moment in ("arrival", "scheduled", "first_token", "done")]
        for earlier, later in zip(times, times[1:]):
            self.assertTrue((earlier <= later).all())
        ttft_s = requests["first_token_s"] - requests["arrival_s"]
        self.assertAlmostEqual(ttft_s.mean(), printed["ttft_s"]["mean"], places=9)
        self.assertAlmostEqual(numpy.percentile(ttft_s, 95), printed["ttft_s"]["p95"], places=9)

    def test_tokens_in_are_tokens_out(self):
        # Expect the steps' prefill tokens to be the prompts', and their decodes the other outputs.
        file, _ = self.run_to_file("--timeline", "steps")
        requests, steps = file["requests"][:], file["steps"][:]
        self.assertEqual(requests["preemptions"].sum(), 0)
        self.assertEqual(steps["prefill_tokens"].sum(), requests["input_tokens"].sum())
        self.assertEqual(steps["decode_tokens"].sum(), (requests["output_tokens"] - 1).sum())

    def spans_of(self, spans, kinds, *names):
        return spans[numpy.isin(spans["kind"], [kinds[name] for name in names])]

    def test_spans_divide_each_stage_exactly(self):
        # Expect stage and idle spans to follow one another without gap or overlap, and their
        # sums from the first arrival on to be the summary's shares.
        file, printed = self.run_to_file("--timeline", "steps")
        spans = file["spans"][:]
        kinds = h5py.check_enum_dtype(spans.dtype["kind"])
        idle = [name for name in kinds if name.startswith("idle_")]
        self.assertEqual(len(idle), 6)
        begun_ps = round(file["requests"]["arrival_s"].min() * 1e12)
        self.assertGreater(begun_ps, 0)
        for stage in printed["stages"]:
            own = spans[(spans["stage"] == stage["stage"]) & (spans["replica"] == stage["replica"])]
            life = numpy.sort(self.spans_of(own, kinds, "stage", *idle), order="start_ps")
            ends_ps = life["start_ps"] + life["duration_ps"]
            self.assertEqual(life["start_ps"][0], 0)
            self.assertTrue((ends_ps[:-1] == life["start_ps"][1:]).all())
            run_ps = ends_ps[-1] - begun_ps
            for cause, share in stage["idle"].items():
                of_cause = self.spans_of(own, kinds, f"idle_{cause}")
                until_ps = of_cause["start_ps"] + of_cause["duration_ps"]
                from_ps = numpy.maximum(of_cause["start_ps"], begun_ps)
                cause_ps = numpy.maximum(until_ps - from_ps, 0).sum()
                self.assertAlmostEqual(cause_ps / run_ps, share, places=9)
            busy_ps = self.spans_of(own, kinds, "stage")["duration_ps"].sum()
            self.assertAlmostEqual(busy_ps / run_ps, sum(stage["busy"].values()), places=9)

    def test_layers_fill_their_stages(self):
        # Expect the kernels and collectives of a step on a stage to take its whole time, to the
        # picosecond.
        file, _ = self.run_to_file("--timeline", "layers")
        spans = file["spans"][:]
        kinds = h5py.check_enum_dtype(spans.dtype["kind"])
        outer = [name for name in kinds if name in ("stage", "send") or name.startswith("idle_")]
        stages = self.spans_of(spans, kinds, "stage")
        inner = spans[~numpy.isin(spans["kind"], [kinds[name] for name in outer])]
        self.assertGreater(len(inner), len(stages))

        def time_ps(rows):
            visits, of_row = numpy.unique(rows[["stage", "step"]], return_inverse=True)
            sums_ps = numpy.zeros(len(visits), dtype=numpy.int64)
            numpy.add.at(sums_ps, of_row, rows["duration_ps"])
            return sums_ps

        self.assertTrue((time_ps(inner) == time_ps(stages)).all())

    def test_summary_is_what_json_prints(self):
        # Expect every scalar of --json under its dotted name, but for the wall clock's and for what
        # the run is of, which the root says; null is NaN.
        file, printed = self.run_to_file()
        attributes = dict(file["summary"].attrs)

        def scalars(value, name):
            if isinstance(value, dict):
                for key, inner in value.items():
                    yield from scalars(inner, f"{name}.{key}" if name else key)
            elif not isinstance(value, list):
                yield name, value

        expected = dict(scalars(printed, ""))
        del expected["simulation.wall_s"], expected["simulation.requests_per_wall_s"]
        for name in list(expected):
            if re.match(r"version|name|seed|model\.|cluster\.|layout\.|slo\.[tp]", name):
                del expected[name]
        unknown = {name for name, value in expected.items() if value is None}
        self.assertEqual({name for name, value in attributes.items() if value != value}, unknown)
        for name in unknown:
            del attributes[name], expected[name]
        self.assertEqual(attributes, expected)
        stages = file["summary/stages"][:]
        self.assertEqual(list(stages["layers"]), [stage["layers"] for stage in printed["stages"]])
        self.assertEqual(
            [code.decode() for code in file["summary/warnings"][:]["code"]],
            [warning["code"] for warning in printed["warnings"]],
        )

    def test_pools_are_what_json_prints(self):
        # Expect a row for each pool, with what `--json` says of it.
        path = self.folder / "pools.h5"
        printed = self.tandem_ok("run", "scenarios/70b-disaggregated", *SMALL, "--json", "-o", path)
        with h5py.File(path, "r") as file:
            rows = file["summary/pools"][:]
        self.assertEqual([row["role"].decode() for row in rows], ["prefill", "decode"])
        for row, pool in zip(rows, json.loads(printed)["pools"]):
            self.assertEqual(row["policy"].decode(), pool["policy"])
            for key in ("tensor_parallel", "replicas", "max_step_tokens", "max_sequences",
                        "kv_capacity_tokens", "kv_peak_fraction"):
                self.assertEqual(row[key], pool[key])

    def test_kv_by_layers_is_a_row_for_each_link_and_second(self):
        # Expect hundreds of thousands of layers' KV to add up to a row or two for each link and
        # second, which hold all that `--json` counts; and each step and layer its own event to give
        # the same rows.
        tables = []
        for name, options in (("fast.h5", []), ("exact.h5", ["--exact"])):
            path = self.folder / name
            printed = json.loads(self.tandem_ok("run", "scenarios/70b-disaggregated", *SMALL, "--json",
                                                "-o", path, *options))
            with h5py.File(path, "r") as file:
                tables.append(file["links"][:])
                names = [row[0].decode() for row in file["link_names"][:]]
        links = tables[0]
        self.assertTrue(numpy.array_equal(links, tables[1]))
        self.assertLessEqual(len(links), 2 * len(numpy.unique(links[["link", "start_s"]])))
        self.assertGreater(len(printed["links"]), 0)
        for link in printed["links"]:
            rows = links[links["link"] == names.index(link["name"])]
            self.assertAlmostEqual(rows["bytes"].sum() / link["bytes"], 1, places=12)

    def test_timeline_none(self):
        # Expect requests and the summary alone.
        file, _ = self.run_to_file("--timeline", "none")
        self.assertEqual(sorted(file), ["requests", "summary"])

    def test_a_writer_that_is_nearly_gone_is_waited_for(self):
        # Expect the run's file where the unfinished one of its name is still locked for a moment,
        # as HDF5 locks what it writes: a killed sweep's points may outlive it so long.
        with open(self.folder / "out.h5.partial", "w", encoding="ascii") as unfinished:
            fcntl.flock(unfinished, fcntl.LOCK_EX)
            threading.Timer(0.5, unfinished.close).start()
            file, _ = self.run_to_file()
        self.assertIn("requests", file)

    def test_same_run_same_bytes(self):
        # Expect two runs of one scenario to give the same file, and to leave no partial one.
        self.run_to_file("--timeline", "layers", name="first.h5")
        self.run_to_file("--timeline", "layers", name="second.h5")
        first, second = (self.folder / name for name in ("first.h5", "second.h5"))
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(sorted(self.folder.iterdir()), [first, second])


if __name__ == "__main__":
    main()
