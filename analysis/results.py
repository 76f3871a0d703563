"""What tandem's HDF5 files hold: runs, sweeps and plans, as numpy arrays and plain values.

Reads files of `tandem run -o`, `tandem sweep -o` and `tandem plan -o`; src/record/record_hdf5.h,
src/sweep/sweep_hdf5.h, src/sweep/sweep_nexus.h and src/plan/plan_hdf5.h say what is in them.
"""

import math
import re
import traceback
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy
import yaml

# The parts that a stage's time divides into, as columns name them, and as people say it.
TIME_PARTS = {
    "busy_compute": "compute",
    "busy_collective": "collective",
    "idle_imbalance": "idle: imbalance",
    "idle_fill_drain": "idle: fill and drain",
    "idle_transfer": "idle: transfer",
    "idle_host": "idle: host",
    "idle_no_work": "idle: no work",
    "idle_down": "idle: down",
}

# The parts of a GPU's memory.
MEMORY_PARTS = {
    "weights_bytes": "weights",
    "activation_bytes": "activations",
    "reserve_bytes": "engine's reserve",
    "kv_bytes": "room for KV",
}

# Latencies of the summary, and what they are.
LATENCIES = {
    "ttft": "time to first token",
    "tpot": "time per output token",
    "itl": "gap between tokens",
    "e2e": "arrival to last token",
    "queue": "waiting for a step",
}

# Rows of /spans that are looked at together; a run may have a hundred million.
SPANS_AT_ONCE = 1 << 20

# Quantities, as src/base/quantity.c reads them.
QUANTITY = re.compile(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?) *(\S+)$")
PREFIXES = {"": 1, "p": 1e-12, "n": 1e-9, "u": 1e-6, "\u00b5": 1e-6, "\u03bc": 1e-6, "m": 1e-3,
            "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
            "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
LONG_TIMES_S = {"min": 60, "h": 3600, "d": 86400}


# What h5py, numpy and yaml raise where a file does not hold what is looked for in it.
MISFITS = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, yaml.YAMLError)


class NotTandem(Exception):
    """The file is not one that this module reads; the text says why."""


def is_of_drawing(misfit):
    """Whether it came out of matplotlib, which reads no file: that one is well."""
    return any(Path(frame.filename).parent.name == "matplotlib"
               for frame in traceback.extract_tb(misfit.__traceback__))


@contextmanager
def reading(path):
    """Lets whatever does not fit in a file be NotTandem: it is read where it is needed, and another
    version of tandem, another program or a broken disk may have written it."""
    try:
        yield
    except MISFITS as misfit:
        # What cannot be opened, the system has better words for.
        if getattr(misfit, "filename", None) or is_of_drawing(misfit):
            raise
        reason = misfit.args[0] if isinstance(misfit, KeyError) else misfit  # str() would quote it
        raise NotTandem(f"{path}: damaged, or not as this version of tandem writes it: "
                        f"{reason}") from misfit


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def quantity(value, unit):
    """`50 ms`, `80 GiB` or `2.69 USD/h` as a number in `unit`; NaN where it is none."""
    match = QUANTITY.match(str(value))
    if not match:
        return math.nan
    number, prefixed = float(match[1]), match[2]
    if unit == "s" and prefixed in LONG_TIMES_S:
        return number * LONG_TIMES_S[prefixed]
    if not prefixed.endswith(unit):
        return math.nan
    return number * PREFIXES.get(prefixed.removesuffix(unit), math.nan)


class Scenario:
    """The resolved scenario that a file holds as text."""

    def __init__(self, source):
        self.text = text(source)
        self.tree = yaml.safe_load(self.text) or {}

    def get(self, path, default=None):
        """The value at a dotted path."""
        node = self.tree
        for key in path.split("."):
            if not isinstance(node, dict) or key not in node:
                return default
            node = node[key]
        return node

    @property
    def warmup_s(self):
        """Requests that arrive earlier are not counted."""
        return quantity(self.get("run.warmup", "0 s"), "s")

    @property
    def slo_s(self):
        """The bounds of the SLO by latency."""
        bounds = {name: quantity(self.get(f"slo.{name}", ""), "s") for name in ("ttft", "tpot")}
        return {name: bound for name, bound in bounds.items() if bound > 0}

    @property
    def slo_percentile(self):
        return float(self.get("slo.percentile", 95))


class Pool:
    """Replicas of one layout: all that a run has, or those that prefill, or those that decode."""

    def __init__(self, row, scenario):
        role = text(row["role"])
        own = f"layout.pools.{role}"
        self.name = "" if role == "both" else role  # empty: the only pool
        self.gpu = scenario.get(f"{own}.gpu") or scenario.get("cluster.gpu", {})
        self.layout = scenario.get(own if self.name else "layout") or {}
        self.tensor_parallel = int(row["tensor_parallel"])
        self.pipeline_parallel = int(row["pipeline_parallel"])
        self.replicas = int(row["replicas"])
        self.first_replica = int(row["first_replica"])
        self.policy = text(row["policy"])
        self.max_step_tokens = int(row["max_step_tokens"])
        self.max_sequences = int(row["max_sequences"])
        self.kv_capacity_tokens = int(row["kv_capacity_tokens"])
        self.kv_peak_fraction = float(row["kv_peak_fraction"])

    @property
    def gpus(self):
        return self.tensor_parallel * self.pipeline_parallel * self.replicas

    @property
    def layout_name(self):
        return (f"TP={self.tensor_parallel} × PP={self.pipeline_parallel}"
                + (f", {self.replicas} replicas" if self.replicas > 1 else ""))

    @property
    def sharding_words(self):
        """`, EP=4 (its busiest GPU 1.3 times the mean), sequence parallel`, of what there is of it."""
        words = ""
        if int(self.layout.get("expert_parallel") or 1) > 1:
            words += f", EP={self.tensor_parallel}"
            imbalance = float(self.layout.get("expert_imbalance") or 1)
            words += f" (its busiest GPU {imbalance:g} times the mean)" * (imbalance != 1)
        return words + ", sequence parallel" * bool(self.layout.get("sequence_parallel"))

    @property
    def usd_per_hour(self):
        """Of all its GPUs; NaN where their file gives no price."""
        return self.gpus * quantity(self.gpu.get("price", ""), "USD/h")

    @property
    def gpu_bytes(self):
        return quantity(self.gpu.get("memory", ""), "B")

    def stage_name(self, replica, stage):
        """`stage 0`, `replica 1, stage 0` or, among several pools, `prefill 1, stage 0`."""
        place = "" if self.replicas == 1 else f" {replica - self.first_replica}"
        group = self.name or ("replica" if place else "")
        return f"{group}{place}, stage {stage}" if group else f"stage {stage}"

    def mean_name(self, stage):
        """Of a stage, averaged over the pool's replicas."""
        return f"{self.name}, stage {stage}, mean" if self.name else f"stage {stage}, mean"


class Run:
    """The file of one run."""

    def __init__(self, file):
        self.file = file
        self.scenario = Scenario(file.attrs["scenario"])
        self.version = text(file.attrs["version"])
        self.seed = int(file.attrs["seed"])
        self.summary = {name: value.item() for name, value in file["summary"].attrs.items()}
        self.pools = [Pool(row, self.scenario) for row in file["summary/pools"][:]]

    @property
    def gpus(self):
        return sum(pool.gpus for pool in self.pools)

    @property
    def usd_per_hour(self):
        """Of all GPUs; NaN where one has no price."""
        return sum(pool.usd_per_hour for pool in self.pools)

    @property
    def layout_name(self):
        return "; ".join(f"{pool.name} {pool.layout_name}".lstrip() for pool in self.pools)

    def pool_of(self, replica):
        """The pool that a replica belongs to."""
        return max((pool for pool in self.pools if pool.first_replica <= replica),
                   key=lambda pool: pool.first_replica)

    def stage_name(self, replica, stage):
        return self.pool_of(replica).stage_name(replica, stage)

    @property
    def stages(self):
        return self.file["summary/stages"][:]

    @property
    def memory(self):
        return self.file["summary/memory"][:]

    @property
    def links(self):
        return [(text(row["name"]), float(row["bytes"]), float(row["utilization"]))
                for row in self.file["summary/links"][:]]

    @property
    def warnings(self):
        return [(text(row["code"]), text(row["text"])) for row in self.file["summary/warnings"][:]]

    @property
    def has_timeline(self):
        return "spans" in self.file and "steps" in self.file

    @property
    def counted(self):
        """The rows of the completed requests that the summary counts: without the warm-up's."""
        requests = self.file["requests"][:]
        # In picoseconds, as the simulator compares: a request may arrive just as the warm-up ends.
        arrivals_ps = numpy.rint(requests["arrival_s"] * 1e12)
        return requests[arrivals_ps >= round(self.scenario.warmup_s * 1e12)]

    def latencies_s(self):
        """TTFT, TPOT, E2E and queueing time of each request that counts."""
        requests = self.counted
        gaps = requests["output_tokens"].astype(float) - 1
        decoding_s = requests["done_s"] - requests["first_token_s"]
        several = gaps > 0
        return {
            "TTFT": requests["first_token_s"] - requests["arrival_s"],
            "TPOT": decoding_s[several] / gaps[several],
            "E2E": requests["done_s"] - requests["arrival_s"],
            "queue": requests["scheduled_s"] - requests["arrival_s"],
        }

    def busiest_second(self):
        """The second in which most tokens were put into steps."""
        steps = self.file["steps"]["scheduled_s", "prefill_tokens", "decode_tokens"]
        if len(steps) == 0:
            return 0.0, 1.0
        tokens = steps["prefill_tokens"].astype(float) + steps["decode_tokens"]
        per_second = numpy.bincount(steps["scheduled_s"].astype(int), weights=tokens)
        start_s = float(per_second.argmax())
        return start_s, start_s + 1

    def spans(self, start_s, end_s):
        """The steps, sends and idle times that touch [start_s, end_s), and the kinds' names."""
        table = self.file["spans"]
        names = {value: name for name, value in h5py.check_enum_dtype(table.dtype["kind"]).items()}
        outer = [value for value, name in names.items()
                 if name in ("stage", "send") or name.startswith("idle_")]
        found = [table[:0]]
        for first in range(0, len(table), SPANS_AT_ONCE):
            rows = table[first : first + SPANS_AT_ONCE]
            ends_ps = rows["start_ps"] + rows["duration_ps"]
            inside = (rows["start_ps"] < end_s * 1e12) & (ends_ps > start_s * 1e12)
            found.append(rows[inside & numpy.isin(rows["kind"], outer)])
        return numpy.concatenate(found), names


def lasting_requests_per_s(points):
    """Those that points of a sweep serve a second without the ends of their runs."""
    return (points["requests_per_s"]
            * (points["lasting_tokens_per_s"] / points["output_tokens_per_s"]))


class Curve:
    """One series of a sweep: its points that were run, by load, and where its wall is."""

    def __init__(self, name, points, group):
        self.name = name
        self.points = points
        walls = group["ttft"].attrs if group is not None and "ttft" in group else {}
        self.sustained_to = float(walls.get("sustained_to", math.nan))
        self.saturated_from = float(walls.get("saturated_from", math.nan))

    @property
    def gpus(self):
        return float(self.points["gpus"][0])

    @property
    def unsaturated(self):
        return self.points[~self.points["saturated"]]

    @property
    def kept_up(self):
        """The points that are known to keep up with their load, and to refuse little of it."""
        return self.points[(self.points["balance"] == b"kept_up") & ~self.points["refusing"]]

    @property
    def pareto(self):
        """Output tokens/s per user, and per GPU, of the points that kept up."""
        points = self.kept_up[self.kept_up["tpot_s.p50"] > 0]  # single tokens have no TPOT
        return 1 / points["tpot_s.p50"], points["lasting_tokens_per_s"] / self.gpus

    @property
    def too_short(self):
        """The points whose runs were too short to tell."""
        return self.points[self.points["balance"] == b"too_short"]

    @property
    def _best(self):
        """Which point best_point is; -1: none."""
        is_known = (self.points["balance"] == b"kept_up") & ~self.points["refusing"]
        is_beyond = numpy.logical_or.accumulate(is_known & ~self.points["slo.met"])
        return numpy.flatnonzero(is_known & ~is_beyond).max(initial=-1)

    @property
    def shown_point(self):
        """The row that stands for the curve: its best, or where none is within the SLO its lightest."""
        return self.points[max(self._best, 0)]

    @property
    def best_point(self):
        """The row of the highest load that is within the SLO, as all lower ones are, of those known
        to keep up; None where there is none."""
        return self.points[self._best] if self._best >= 0 else None

    @property
    def _first_beyond(self):
        """The first point above the best that is known not to do; their number: none."""
        above = self.points[self._best + 1 :]
        fails = above["saturated"] | above["refusing"] | ~above["slo.met"]
        return self._best + 1 + numpy.append(numpy.flatnonzero(fails), len(above))[0]

    @property
    def beyond_point(self):
        """The row of the lowest load above the best that is beyond the SLO, or saturated; None where
        there is none."""
        return self.points[self._first_beyond] if self._first_beyond < len(self.points) else None

    @property
    def untold_point(self):
        """The row of the highest load below that, and above the best, of which only a longer run would
        tell whether the series keeps up with it; None where there is none."""
        untold = self.points[self._best + 1 : self._first_beyond]
        untold = untold[untold["balance"] == b"too_short"]
        return untold[-1] if len(untold) else None

    @property
    def has_gap(self):
        """Whether points that are too short to tell lie between the last load that is known to be
        kept up with and the first that is not."""
        between = self.points[(self.points["balance"] == b"saturated").cumsum() == 0]
        return len(between) > 0 and between["balance"][-1] == b"too_short"


class Sweep:
    """The file of a sweep."""

    def __init__(self, file):
        self.scenario = Scenario(file.attrs["scenario"])
        self.version = text(file.attrs["version"])
        self.name = text(file.attrs["name"])
        self.text = text(file.attrs["sweep"])
        self.load = text(file.attrs["load"]) if "load" in file.attrs else ""
        self.points = file["points"][:]
        self.curves = list(self._curves(file))

    def _curves(self, file):
        groups = {group.attrs["series"]: group for group in file["curves"].values()
                  if "series" in group.attrs}
        for series in numpy.unique(self.points["series"]):
            points = self.points[(self.points["series"] == series)
                                 & (self.points["status"] == b"done")]
            if len(points) == 0:
                continue
            name = text(points["curve"][0])
            points = points[numpy.argsort(self.loads(points), kind="stable")]
            yield Curve(name, points, groups.get(series))

    def loads(self, points):
        """What the points are drawn against: requests in flight, or requests/s offered."""
        return points[self.load] if self.is_concurrency else points["offered_requests_per_s"]

    def slo_column(self, name):
        """The column of a latency at the SLO's percentile, or at p95 where it has none of that."""
        column = f"{name}_s.p{self.scenario.slo_percentile:g}"
        return column if column in self.points.dtype.names else f"{name}_s.p95"

    def load_within_slo(self, curve):
        """The highest load tried that a curve is known to serve within the SLO; 0: none."""
        best = curve.best_point
        return float(self.loads(best)) if best is not None else 0.0

    def requests_within_slo(self, curve):
        """The requests/s that it serves there."""
        best = curve.best_point
        return float(lasting_requests_per_s(best)) if best is not None else 0.0

    def requests_perhaps_within_slo(self, curve):
        """The most requests/s that a curve may serve within the SLO, for all that its runs tell."""
        untold = curve.untold_point
        if untold is None:
            return self.requests_within_slo(curve)
        offered = float(untold["offered_requests_per_s"])
        return offered if math.isfinite(offered) else float(untold["requests_per_s"])

    @property
    def is_concurrency(self):
        return self.load.endswith("concurrency")

    def load_words(self, point):
        """`at 5.3 requests/s`, `at 64 in flight`; "" where a series is one point."""
        unit = "in flight" if self.is_concurrency else "requests/s"
        return f"at {float(self.loads(point)):.3g} {unit}" if self.has_loads else ""

    @property
    def has_loads(self):
        return any(len(curve.points) > 1 for curve in self.curves)

    @property
    def failures(self):
        """Curve and error of each point that could not be run."""
        failed = self.points[self.points["status"] != b"done"]
        return [(text(row["curve"]), text(row["error"])) for row in failed]


class Plan:
    """The file of a plan: what was searched for, every candidate, and what the best of them stand."""

    def __init__(self, file):
        self.version = text(file.attrs["version"])
        self.name = text(file.attrs["name"])
        self.text = text(file.attrs["plan"])
        self.scenario = Scenario(file.attrs["scenario"])
        self.summary = {name: value.item() if hasattr(value, "item") else text(value)
                        for name, value in file["summary"].attrs.items()}
        self.candidates = file["plans"][:]
        self.growth = file["growth"][:]
        self.trials = file["trials"][:]

    @property
    def ranked(self):
        """The rows of the best plans, the best first."""
        ranked = self.candidates[self.candidates["rank"] > 0]
        return ranked[numpy.argsort(ranked["rank"])]

    @property
    def slo_s(self):
        bounds = {name: self.summary[f"slo.{name}_s"] for name in ("ttft", "tpot")}
        return {name: bound for name, bound in bounds.items() if bound > 0}

    def growth_of(self, rank):
        """The loads that a ranked plan was put to with all its nodes."""
        rows = self.growth[(self.growth["rank"] == rank) & (self.growth["nodes_lost"] == 0)]
        return rows[numpy.argsort(rows["load"])]

    def node_lost(self, rank):
        """How a ranked plan does without a node."""
        return self.growth[(self.growth["rank"] == rank) & (self.growth["nodes_lost"] > 0)][0]


def open_results(path):
    """The Run, the Sweep or the Plan in a file. NotTandem, OSError."""
    path.stat()  # what is not there is no wrong format
    if not h5py.is_hdf5(path):
        raise NotTandem(f"{path}: not a whole HDF5 file")
    with reading(path):
        file = h5py.File(path, "r")
        if "points" in file and "sweep" in file.attrs:
            return Sweep(file)
        if "plans" in file and "plan" in file.attrs:
            return Plan(file)
        if "requests" in file and "summary" in file:
            return Run(file)
        shard = file.attrs.get("shard") if "sweep" in file.attrs else None
    if shard is not None:
        raise NotTandem(f"{path}: part {text(shard)} of a sweep, without points")
    raise NotTandem(f"{path}: holds no run, sweep or plan of tandem")
