#!/usr/bin/python3
"""tandem export: do other programs get the run that the HDF5 file holds?"""

import collections
import csv
import io
import json
import re
import shutil
import subprocess
import unittest

import h5py
import numpy

from tandem_cli import ROOT, SCENARIO, SMALL, TandemTest, main

WINDOW_US = (2_000_000.0, 2_200_000.0)
WINDOW = ["--window", "2s,2.2 s"]
LAYERS = ["--timeline", "layers", "--set", "output.window=[2 s, 2.2 s]"]

# Long enough to have requests under way at any moment of the window.
FEW = [setting.replace("requests: 200", "requests: 60") for setting in SMALL]


class Export(TandemTest):
    def record(self, *options):
        """A small run's file."""
        path = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *FEW, "-o", path, *options)
        return path

    def chrome(self, path, *options):
        """Its timeline as a list of events."""
        text = self.tandem_ok("export", path, "--format", "chrome", *options)
        return json.loads(text)["traceEvents"]

    def csv(self, path, *options):
        """One of its tables as a list of rows."""
        text = self.tandem_ok("export", path, "--format", "csv", *options)
        return list(csv.DictReader(io.StringIO(text)))

    def refuses(self, exit_code, *arguments):
        """The message of a call that must fail."""
        done = self.tandem("export", *arguments)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr


class Chrome(Export):
    def complete_by_track(self, events):
        tracks = collections.defaultdict(list)
        for event in events:
            if event["ph"] == "X":
                # Times are whole nanoseconds, which double holds once scaled.
                start_ns, duration_ns = round(event["ts"] * 1000), round(event["dur"] * 1000)
                tracks[event["pid"], event["tid"]].append((start_ns, -duration_ns, event))
        return tracks

    def test_spans_nest_and_never_overlap(self):
        # Expect each span of a track to start after the one before it has ended, or to end inside
        # it: anything else a viewer drops. Expect kernels to be inside steps.
        events = self.chrome(self.record(*LAYERS), *WINDOW)
        nested = 0
        for spans in self.complete_by_track(events).values():
            around = []
            for start_ns, minus_duration_ns, event in sorted(spans, key=lambda span: span[:2]):
                while around and around[-1] <= start_ns:
                    around.pop()
                end_ns = start_ns - minus_duration_ns
                if around:
                    self.assertLessEqual(end_ns, around[-1], event)
                    nested += 1
                around.append(end_ns)
        self.assertGreater(nested, 1000)

    def test_collectives_of_every_layout_are_shown_as_such(self):
        # Expect those of sequence and expert parallelism beside the sampled tokens' all-reduce.
        layout = ["--set", "model=models/mixtral-8x7b", "--set", "layout.sequence_parallel=true",
                  "--set", "layout.expert_parallel=4"]
        events = self.chrome(self.record(*LAYERS, *layout), *WINDOW)
        self.assertEqual({event["name"] for event in events if event.get("cat") == "collective"},
                         {"all_reduce", "reduce_scatter", "all_gather", "dispatch", "combine"})

    def test_waits_for_launches_are_no_kernels(self):
        # Expect a wait inside a step to have a category of its own, and the colour of idle times
        # that the host causes, so that compute is what kernels take.
        slow = ["--set", "engine.host={base: engines/eager, slowdown: 4}"]
        events = self.chrome(self.record(*LAYERS, *slow), *WINDOW)
        waits = [event for event in events if event["name"] == "launch"]
        self.assertGreater(len(waits), 10)
        self.assertEqual({(event["cat"], event["cname"]) for event in waits},
                         {("launch", "thread_state_runnable")})

    def test_steps_hold_their_kernels(self):
        # Expect the kernels and collectives of a step to be of that step.
        events = self.chrome(self.record(*LAYERS), *WINDOW)
        steps = {}
        for event in events:
            if event.get("cat") == "step":
                self.assertEqual(event["name"], f"step {event['args']['step']}")
                steps[event["pid"], event["tid"], event["args"]["step"]] = event
        kernels = [event for event in events if event.get("cat") in ("compute", "collective")]
        self.assertIn("attention_decode", {event["name"] for event in kernels})
        self.assertIn("all_reduce", {event["name"] for event in kernels})
        for kernel in kernels:
            step = steps[kernel["pid"], kernel["tid"], kernel["args"]["step"]]
            self.assertLessEqual(step["ts"], kernel["ts"])

    def test_arrows_lead_from_sends_to_the_steps_they_feed(self):
        # Expect as many arrows as sends that feed a step of the window, each with two ends: inside
        # the send, and at the start of the same step on the next stage, not before the send's end.
        events = self.chrome(self.record("--timeline", "steps"), *WINDOW)
        by_phase = collections.defaultdict(dict)
        for event in events:
            if event["ph"] in "sf":
                self.assertNotIn(event["id"], by_phase[event["ph"]])
                by_phase[event["ph"]][event["id"]] = event
        self.assertGreater(len(by_phase["s"]), 5)
        self.assertEqual(set(by_phase["s"]), set(by_phase["f"]))
        at = {(e["cat"], e["pid"], e["tid"], e["ts"]): e for e in events if e["ph"] == "X"}
        for number, start in by_phase["s"].items():
            end = by_phase["f"][number]
            send = at["send", start["pid"], start["tid"], start["ts"]]
            step = at["step", end["pid"], end["tid"], end["ts"]]
            self.assertEqual(send["args"]["step"], step["args"]["step"])
            self.assertGreaterEqual(step["ts"], send["ts"] + send["dur"] - 0.001)

    def test_every_span_of_the_window_is_there(self):
        # Expect the spans of the file that touch the window, no others, with their times in
        # microseconds to the nanosecond below.
        path = self.record("--timeline", "steps")
        events = self.chrome(path, *WINDOW)
        with h5py.File(path, "r") as file:
            spans = file["spans"][:]
        starts_ps, ends_ps = spans["start_ps"], spans["start_ps"] + spans["duration_ps"]
        inside = (starts_ps < WINDOW_US[1] * 1e6) & (ends_ps > WINDOW_US[0] * 1e6)
        expected = sorted((start // 1000, end // 1000 - start // 1000)
                          for start, end in zip(starts_ps[inside], ends_ps[inside]))
        shown = sorted((round(event["ts"] * 1000), round(event["dur"] * 1000))
                       for event in events if event["ph"] == "X")
        self.assertEqual(shown, expected)

    def test_tracks_have_names(self):
        # Expect each replica to be a process and each track that has events to have a name.
        path = self.record("--timeline", "steps", "--set",
                           "layout={tensor_parallel: 2, pipeline_parallel: 2, replicas: 2}")
        events = self.chrome(path)
        names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events
                 if event.get("name") == "thread_name"}
        self.assertEqual(set(names), set(self.complete_by_track(events)))
        self.assertEqual(sorted(name for (process, _), name in names.items() if process == 1),
                         ["link 0 to 1", "stage 0 idle", "stage 0: 40 layers", "stage 1 idle",
                          "stage 1: 40 layers"])
        processes = [event["args"]["name"] for event in events
                     if event.get("name") == "process_name"]
        self.assertEqual(processes, ["replica 0", "replica 1"])

    def test_idle_causes_are_told_apart(self):
        # Expect idle spans to have a category and a colour for each cause.
        events = self.chrome(self.record("--timeline", "steps"))
        colours = {event["name"]: event["cname"] for event in events if event.get("cat") == "idle"}
        self.assertIn("idle_no_work", colours)
        self.assertGreater(len(colours), 2)
        self.assertEqual(len(set(colours.values())), len(colours))

    def test_counter_shows_the_batches(self):
        # Expect a step's tokens at the moment it was scheduled, and nothing at the end.
        path = self.record("--timeline", "steps")
        counters = [event for event in self.chrome(path) if event["ph"] == "C"]
        with h5py.File(path, "r") as file:
            steps = file["steps"][:]
        shown = {(round(event["ts"] * 1000), event["args"]["prefill"], event["args"]["decode"])
                 for event in counters}
        for step in steps:
            moment_ns = int(round(step["scheduled_s"] * 1e12)) // 1000
            self.assertIn((moment_ns, step["prefill_tokens"], step["decode_tokens"]), shown)
        self.assertEqual(counters[-1]["args"], {"prefill": 0, "decode": 0})

    def test_run_without_timeline_is_refused(self):
        # Expect to be told what to do.
        message = self.refuses(4, self.record("--timeline", "none"), "--format", "chrome")
        self.assertIn("--timeline steps", message)

    def test_file_is_complete_or_absent(self):
        # Expect -o to give the same bytes as standard output, and a failure to leave nothing.
        path = self.record("--timeline", "steps")
        target = self.folder / "out.json"
        self.tandem_ok("export", path, "-f", "chrome", "-o", target)
        self.assertEqual(target.read_text(), self.tandem_ok("export", path, "-f", "chrome"))
        self.refuses(4, path, "-f", "csv", "--table", "nothing", "-o", self.folder / "none.csv")
        self.assertEqual(sorted(self.folder.iterdir()), [target, path])


class Csv(Export):
    def test_tables_read_back_exactly(self):
        # Expect every value of every table to read back to the same bits, enums by name.
        path = self.record(*LAYERS)
        with h5py.File(path, "r") as file:
            for name in ("requests", "steps", "spans", "summary/stages", "summary/memory"):
                table = file[name][:]
                rows = self.csv(path, "--table", name)
                self.assertEqual(list(rows[0]), list(table.dtype.names))
                self.assertEqual(len(rows), len(table))
                kinds = h5py.check_enum_dtype(table.dtype["kind"]) if name == "spans" else None
                for column in table.dtype.names:
                    texts = [row[column] for row in rows]
                    if column == "kind":
                        values = [kinds[text] for text in texts]
                    else:
                        values = [table.dtype[column].type(text) for text in texts]
                    self.assertEqual(values, list(table[column]), f"{name}.{column}")

    def test_header_says_units(self):
        # Expect every column that has a unit to end with it.
        path = self.record("--timeline", "steps")
        with h5py.File(path, "r") as file:
            for name in ("requests", "steps", "spans"):
                columns = self.csv(path, "--table", name)[0]
                for column, unit in zip(columns, file[name].attrs["units"]):
                    self.assertTrue(unit == "1" or column.split("_")[-1] == unit, column)

    def test_requests_are_the_default(self):
        path = self.record()
        self.assertEqual(self.csv(path), self.csv(path, "--table", "requests"))

    def test_window(self):
        # Expect the requests that were in the system between 2 s and 2.2 s, no others.
        path = self.record()
        rows = self.csv(path)
        expected = [row for row in rows
                    if float(row["arrival_s"]) < 2.2 and float(row["done_s"]) > 2]
        self.assertTrue(0 < len(expected) < len(rows))
        self.assertEqual(self.csv(path, *WINDOW), expected)

    def test_texts_are_quoted(self):
        # Expect a warning's text, which has commas, to survive.
        path = self.record("--set", "layout={tensor_parallel: 2, pipeline_parallel: 4}", "--set",
                           "engine.steps_in_flight=1")
        with h5py.File(path, "r") as file:
            texts = [text.decode() for text in file["summary/warnings"]["text"]]
        self.assertTrue(any("," in text for text in texts), texts)
        rows = self.csv(path, "--table", "summary/warnings")
        self.assertEqual([row["text"] for row in rows], texts)


class Dot(Export):
    def test_graph_has_every_gpu_and_bandwidths(self):
        # Expect the eight GPUs of one node with their stages, and labels with a bandwidth.
        graph = self.tandem_ok("export", SCENARIO, "--format", "dot")
        for gpu in range(8):
            self.assertIn(f'label="GPU {gpu}\\nreplica 0\\nstage {gpu // 4}"', graph)
        self.assertEqual(graph.count("subgraph cluster_node"), 1)
        self.assertIn("GB/s", graph)

    def test_graph_has_both_pools(self):
        # Expect two replicas of four GPUs to prefill and, on the next eight, one to decode.
        graph = self.tandem_ok("export", "scenarios/70b-disaggregated", "--format", "dot")
        self.assertIn("prefill 2 replicas of TP=4 x PP=1, decode 1 replica of TP=8 x PP=1", graph)
        seats = re.findall(r'label="GPU (\d)\\n(\w+ \d)', graph)
        self.assertEqual(seats, [(str(gpu), f"prefill {gpu // 4}") for gpu in range(8)]
                         + [(str(gpu), "decode 0") for gpu in range(8)])

    def test_names_may_hold_what_ends_a_label(self):
        # Expect quotes and backslashes of a name to be marked as part of the label.
        graph = self.tandem_ok("export", SCENARIO, "--format", "dot", "--set",
                               'cluster.name=\'my "big" box\\\'')
        self.assertIn(r'label="Llama-3.1-70B on my \"big\" box\\: 1 replica', graph)

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed: no graph is drawn")
    def test_graphviz_draws_every_cluster(self):
        # Expect dot to draw each shipped cluster of a few nodes without a word.
        for path in sorted((ROOT / "configs" / "clusters").glob("*.yaml")):
            if "1024" in path.name:
                continue
            graph = self.tandem_ok("export", SCENARIO, "-f", "dot",
                                   "--set", "layout={tensor_parallel: 1}",
                                   "--set", f"cluster=clusters/{path.stem}")
            drawn = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True,
                                   timeout=60)
            self.assertEqual((drawn.returncode, drawn.stderr), (0, ""), path.name)
            self.assertIn("GPU 3", drawn.stdout)


class Messages(Export):
    def test_wrong_use(self):
        # Expect each mistake to be named, with the help that tells more.
        for arguments, words in (
            ([], "which file"),
            (["a.h5"], "which format"),
            (["a.h5", "b.h5", "-f", "csv"], "what is 'b.h5'"),
            (["a.h5", "-f", "xml"], "not 'xml'"),
            (["a.h5", "-f", "csv", "--window", "2s"], "two times"),
            (["a.h5", "-f", "csv", "--window", "2,3"], "--window: '2' has no unit"),
            (["a.h5", "-f", "csv", "--window", "3s,2s"], "ends before it starts"),
            (["a.h5", "-f", "csv", "--window", "1e9s,2e9s"], "beyond the 104 days that a run can"),
            (["a.h5", "-f", "chrome", "--table", "steps"], "--table goes with"),
            (["a.yaml", "-f", "dot", "--window", "2s,3s"], "--window goes with"),
            (["a.h5", "-f", "csv", "--set", "a=b"], "--set goes with"),
        ):
            message = self.refuses(2, *arguments)
            self.assertIn(words, message)
            self.assertIn("tandem export --help", message)

    def test_wrong_files(self):
        # Expect the file and the reason.
        text = self.folder / "text.h5"
        text.write_text("not HDF5")
        self.assertIn("No such file", self.refuses(4, self.folder / "none.h5", "-f", "csv"))
        self.assertIn("text.h5", self.refuses(4, text, "-f", "chrome"))
        # Expect of what is no run's what to ask for.
        for table, kind in (("points", "sweep"), ("plans", "plan")):
            other = self.folder / f"{kind}.h5"
            with h5py.File(other, "w") as file:
                file[table] = numpy.zeros(1, [("rank", "u4")])
            self.assertIn(f"no table 'requests'; of a {kind}, ask for --table {table}\n",
                          self.refuses(4, other, "-f", "csv"))
            self.assertIn(f"a {kind} has no timeline; ask for --format csv --table {table}\n",
                          self.refuses(4, other, "-f", "chrome"))
        path = self.record("--timeline", "none")
        self.assertIn("no table 'steps'", self.refuses(4, path, "-f", "csv", "--table", "steps"))
        message = self.refuses(2, path, "-f", "csv", "--table", "summary/stages", *WINDOW)
        self.assertIn("no time", message)

    def test_full_disk(self):
        # Expect a full disk to be an error.
        path = self.record("--timeline", "steps")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.tandem("export", path, "-f", "chrome", stdout=full)
        self.assertEqual(done.returncode, 4)
        self.assertIn("No space left", done.stderr)


if __name__ == "__main__":
    main()
