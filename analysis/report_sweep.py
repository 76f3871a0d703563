"""The report of a sweep."""

import math

import numpy

from provenance import annotate
from report_page import (aligned_rows, bars_html, data_size, dollars, gpu_count, number, percent,
                         seconds, table_html, tiles_html)
from results import LATENCIES, MEMORY_PARTS, TIME_PARTS

LATENCY_VIEWS = [(f"{key.upper()} {p}", f"{key}_s.{p}")
                 for key in ("ttft", "tpot", "e2e") for p in ("p95", "p50", "p99")]

THROUGHPUT_VIEWS = [
    ("output tokens/s", "output_tokens_per_s", "tokens/s"),
    ("requests/s", "requests_per_s", "requests/s"),
    ("goodput, requests/s", "goodput_requests_per_s", "requests/s"),
]

# An answer that names more series says no more.
NAMES_MAX = 3


def usd_per_million(point):
    """Dollars for a million output tokens at a point; NaN where GPUs have no price."""
    return point["usd_per_hour"] / 3600 / point["lasting_tokens_per_s"] * 1e6


def per_gpu(sweep, curve):
    """The requests/s per GPU that a curve is known to serve within the SLO."""
    return sweep.requests_within_slo(curve) / curve.gpus


def ranking(sweep):
    """The curves, most requests/s per GPU within the SLO first."""
    return sorted(sweep.curves, key=lambda curve: per_gpu(sweep, curve), reverse=True)


def equals(sweep):
    """The curves that none is known to serve more than, to the digits that are shown."""
    best, *others = ranking(sweep)
    shown = number(per_gpu(sweep, best))
    return [best, *(curve for curve in others if number(per_gpu(sweep, curve)) == shown)]


def rivals(sweep):
    """The curves that may serve more per GPU than any is known to, had their runs been longer."""
    best = ranking(sweep)[0]
    return [curve for curve in sweep.curves if curve is not best
            and sweep.requests_perhaps_within_slo(curve) / curve.gpus > per_gpu(sweep, best)]


def slo_words(sweep):
    scenario = sweep.scenario
    bounds = " and ".join(f"{name.upper()} {seconds(bound)}"
                          for name, bound in scenario.slo_s.items())
    return f" within the SLO ({bounds} at p{scenario.slo_percentile:g})" if bounds else ""


def names_of(curves):
    """`A`, `A and B`, `A, B and C`, `A, B and 3 others`."""
    names = [curve.name for curve in curves]
    if len(names) > NAMES_MAX:
        names[NAMES_MAX - 1 :] = [f"{len(names) - NAMES_MAX + 1} others"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def served_words(sweep, curve):
    """`at least 53.6 requests/s on 2 GPUs`: more, where only longer runs would tell."""
    more = "at least " if curve.untold_point is not None else ""
    return f"{more}{number(sweep.requests_within_slo(curve))} requests/s on {gpu_count(curve.gpus)}"


def unknown_words(sweep, most):
    """The answer where it hangs on points that were too short to tell."""
    best, others = ranking(sweep)[0], rivals(sweep)
    return (f"Which series serves most{most} is not known: {best.name} is known to serve "
            f"{number(sweep.requests_within_slo(best))} requests/s on {gpu_count(best.gpus)}, but "
            f"{names_of(others)} may serve more, which runs of about "
            f"{number(requests_to_tell([best, *others]))} requests would show.")


def equal_words(sweep, most):
    """The answer where several serve as much."""
    same = equals(sweep)
    closer = any(curve.beyond_point is not None for curve in same)
    each = (f" on {gpu_count(same[0].gpus)} each" if len({curve.gpus for curve in same}) == 1
            else " a GPU")
    served = sweep.requests_within_slo(same[0]) if "each" in each else per_gpu(sweep, same[0])
    return (f"{names_of(same)} serve the same, and most{most}: {number(served)} requests/s{each}; "
            f"{'loads between those tried' if closer else 'higher loads'} may tell them apart.")


def answer(sweep):
    best, *others = ranking(sweep)
    if best.best_point is None:
        known = "is known to serve" if any(len(curve.too_short) for curve in sweep.curves) else "serves"
        return f"No series {known} anything{slo_words(sweep)}."
    differ = any(curve.gpus != best.gpus for curve in others)
    most = " per GPU" * differ + slo_words(sweep) + " of the loads tried" * sweep.has_loads
    if rivals(sweep):
        return unknown_words(sweep, most)
    if len(equals(sweep)) > 1:
        return equal_words(sweep, most)
    words = f"{best.name} serves most{most}: {served_words(sweep, best)}"
    if others and others[0].best_point is not None:
        words += f"; next is {others[0].name} with {served_words(sweep, others[0])}"
    return words + "."


def headline(sweep):
    best = ranking(sweep)[0]
    point = best.best_point
    if point is None:
        return ""
    rank = ("most that is known" if rivals(sweep) else
            f"one of {len(equals(sweep))} equals" if len(equals(sweep)) > 1 else "best")
    tiles = [(rank, best.name, gpu_count(best.gpus)),
             ("requests/s", number(sweep.requests_within_slo(best)),
              f"{number(per_gpu(sweep, best))} a GPU"),
             ("output tokens/s", number(point["lasting_tokens_per_s"]),
              f"{number(point['lasting_tokens_per_s'] / best.gpus)} a GPU"),
             ("TTFT p95", seconds(point["ttft_s.p95"]), LATENCIES["ttft"]),
             ("TPOT p95", seconds(point["tpot_s.p95"]), LATENCIES["tpot"])]
    usd = usd_per_million(point)
    if math.isfinite(usd):
        tiles.append(("a million output tokens", dollars(usd),
                      f"at {dollars(point['usd_per_hour'] / best.gpus)} a GPU and hour"))
    return tiles_html(tiles)


def comparison_section(page, sweep):
    header = ["series", "GPUs", "requests/s", "per GPU", "TTFT p95", "TPOT p95",
              "tokens/s per GPU", "$ per million"]
    if sweep.has_loads:
        header += ["leaves the SLO"] * bool(sweep.scenario.slo_s)
        header += ["sustained to", "saturated from"]
    rows = []
    for curve in ranking(sweep):
        best = curve.best_point
        if best is None:
            shown = [("none", "bad"), "–", "–", "–", "–", "–"]
        else:
            shown = [number(sweep.requests_within_slo(curve)), number(per_gpu(sweep, curve)),
                     seconds(best["ttft_s.p95"]), seconds(best["tpot_s.p95"]),
                     number(best["lasting_tokens_per_s"] / curve.gpus),
                     dollars(usd_per_million(best))]
        rows.append((curve.name, f"{curve.gpus:g}", *shown, *wall_cells(sweep, curve)))
    note = f"Requests/s: the most that each is known to serve{slo_words(sweep)}"
    if sweep.has_loads:
        note += ", of the loads tried; what follows is there"
    if sweep.has_loads and any(curve.has_gap for curve in sweep.curves):
        note += ". ≥ and ≤: the runs between are too short to tell"
    page.section("The series compared", table_html(header, rows, "series"), note + ".")


def leaving_words(sweep, curve):
    """The loads tried between which a curve leaves the SLO: `24.7 to 33.7`."""
    within, beyond = sweep.load_within_slo(curve), curve.beyond_point
    if beyond is None:
        return f"over {number(within)}" if within > 0 else "–"
    return f"{number(within)} to {number(sweep.loads(beyond))}" if within > 0 else (
        f"under {number(sweep.loads(beyond))}")


def wall_cells(sweep, curve):
    """Where a curve leaves the SLO, and the loads on either side of its wall."""
    if not sweep.has_loads:
        return []
    least, most = ("≥ ", "≤ ") if curve.has_gap else ("", "")
    return ([leaving_words(sweep, curve)] * bool(sweep.scenario.slo_s)
            + [sign * math.isfinite(load) + number(load)
               for sign, load in ((least, curve.sustained_to), (most, curve.saturated_from))])


def load_axis(sweep):
    if sweep.is_concurrency:
        return {"label": "requests in flight", "unit": "", "log": True}
    return {"label": "offered load", "unit": "requests/s"}


def curves_section(page, sweep):
    curves = sweep.curves
    names = [curve.name for curve in curves]
    hollow = [sweep.loads(curve.too_short).tolist() for curve in curves]
    latency_loads = [sweep.loads(curve.unsaturated) for curve in curves]
    views = []
    for name, column in LATENCY_VIEWS:
        bound = sweep.scenario.slo_s.get(column.partition("_")[0])
        views.append({"name": name, "unit": "s", "log": True,
                      "rows": aligned_rows(latency_loads,
                                           [curve.unsaturated[column] for curve in curves]),
                      "bounds": [{"at": bound, "label": "SLO"}] if bound else []})
    body = page.chart_html(title="Latency against load", x=load_axis(sweep), series=names,
                           views=views, points=True, hollow=hollow)
    all_loads = [sweep.loads(curve.points) for curve in curves]
    body += page.chart_html(
        title="Throughput against load", x=load_axis(sweep), series=names, points=True,
        hollow=hollow,
        views=[{"name": name, "unit": unit,
                "rows": aligned_rows(all_loads, [curve.points[column] for curve in curves])}
               for name, column, unit in THROUGHPUT_VIEWS])
    page.section("Curves", body,
                 "Click a series to hide or show it; drag to zoom in, double-click to see all. "
                 "Latencies end where a series is saturated: beyond, they measure only how long "
                 "one looked. Hollow points were too short to tell; the warnings say how many.")


def pareto_section(page, sweep):
    """Tokens/s per GPU against tokens/s per user, of every point that kept up with its load."""
    users, gpus = zip(*(curve.pareto for curve in sweep.curves))
    if sum(map(len, users)) < 2:
        return
    chart = page.chart_html(
        title="Output tokens/s per GPU against output tokens/s per user",
        x={"label": "output tokens/s per user (1 / median TPOT)", "unit": "tokens/s"},
        series=[curve.name for curve in sweep.curves], points=True,
        views=[{"name": "output tokens/s per GPU", "unit": "tokens/s",
                "rows": aligned_rows(users, gpus)}])
    page.section("What a user's speed costs", chart,
                 "Up and to the right is better: the outermost points are the Pareto front. Only "
                 "points that kept up with their load are drawn.")


def stages_section(page, sweep):
    rows = [(curve.name, sweep.load_words(curve.shown_point), {
        name: float(curve.shown_point["stages." + column.replace("_", ".", 1)])
        for column, name in TIME_PARTS.items()}) for curve in sweep.curves]
    page.section("Where the time goes", bars_html(rows, percent, scale_to=1),
                 "Mean over the stages of each series, at its best load within the SLO, or at its "
                 "lightest where it has none.")


def memory_section(page, sweep):
    rows = [(curve.name, "", {name: float(curve.shown_point["memory." + column])
                              for column, name in MEMORY_PARTS.items()})
            for curve in sweep.curves]
    page.section("Memory of a GPU", bars_html(rows, data_size), "Of each series' stage with the least room for KV.")


def requests_to_tell(curves):
    """How many a run of each would need to tell whether it keeps up."""
    return max(curve.too_short["requests_to_tell"].max(initial=0) for curve in curves)


def too_short_words(sweep):
    """Which points of a sweep, which has such, do not tell whether they keep up."""
    counts = {curve.name: len(curve.too_short) for curve in sweep.curves if len(curve.too_short)}
    return ("points whose runs were too short to tell whether they keep up with their load, none of "
            "which is taken for the best: "
            + ", ".join(f"{count} of {name}" for name, count in counts.items())
            + f"; about {number(requests_to_tell(sweep.curves))} requests a point would tell")


def warnings_of(sweep):
    """Each code with the series that it was raised for, and points that failed."""
    series = {}
    for curve in sweep.curves:
        for codes in numpy.unique(curve.points["warnings"]):
            for code in filter(None, codes.decode().replace(",", " ").split()):
                series.setdefault(code, {})[curve.name] = True
    has_too_short = any(len(curve.too_short) for curve in sweep.curves)
    short = [("too_short", too_short_words(sweep))] if has_too_short else []
    return (short + [(code, "in " + ", ".join(names)) for code, names in series.items()]
            + [("failed", f"{name}: {error}") for name, error in sweep.failures])


def fill(page, sweep):
    """Fills in the page."""
    page.title = sweep.name
    page.footer = f"tandem {sweep.version}"
    if not sweep.curves:
        page.subtitle = "No point of this sweep could be run."
        page.warnings(warnings_of(sweep))
        return
    page.subtitle = answer(sweep)
    page.sections.append(headline(sweep))
    page.warnings(warnings_of(sweep))
    comparison_section(page, sweep)
    if sweep.has_loads:
        curves_section(page, sweep)
    pareto_section(page, sweep)
    stages_section(page, sweep)
    memory_section(page, sweep)
    page.provenance([(line, "") for line in sweep.text.splitlines()], "What was asked",
                    f"{len(sweep.points)} points; the sweep's file as it was read.")
    page.provenance(annotate(sweep.scenario), "Assumptions and where they come from",
                    "The scenario of the first point, each value beside its source in the shipped "
                    "configs. Values without one are the scenario's own.")
