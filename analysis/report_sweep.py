"""The report of a sweep."""

import math

import numpy

from provenance import annotate
from report_page import (aligned_rows, bars_html, data_size, dollars, gpu_count, number, percent,
                         seconds, table_html, tiles_html)
from results import LATENCIES, MEMORY_PARTS, TIME_PARTS, lasting_requests_per_s

LATENCY_VIEWS = [(f"{key.upper()} {p}", f"{key}_s.{p}")
                 for key in ("ttft", "tpot", "e2e") for p in ("p95", "p50", "p99")]

THROUGHPUT_VIEWS = [
    ("output tokens/s", "output_tokens_per_s", "tokens/s"),
    ("requests/s", "requests_per_s", "requests/s"),
    ("goodput, requests/s", "goodput_requests_per_s", "requests/s"),
]


def usd_per_million(point):
    """Dollars for a million output tokens at a point; NaN where GPUs have no price."""
    return point["usd_per_hour"] / 3600 / point["lasting_tokens_per_s"] * 1e6


def ranking(sweep):
    """The curves, most requests/s per GPU within the SLO first."""
    return sorted(sweep.curves, key=lambda curve: sweep.requests_within_slo(curve) / curve.gpus,
                  reverse=True)


def slo_words(sweep):
    scenario = sweep.scenario
    bounds = " and ".join(f"{name.upper()} {seconds(bound)}"
                          for name, bound in scenario.slo_s.items())
    return f" within the SLO ({bounds} at p{scenario.slo_percentile:g})" if bounds else ""


def answer(sweep):
    best, *others = ranking(sweep)
    point = best.best_point
    if point is None:
        known = "is known to serve" if any(len(curve.too_short) for curve in sweep.curves) else "serves"
        return f"No series {known} anything{slo_words(sweep)}."
    per_gpu = " per GPU" if any(curve.gpus != best.gpus for curve in others) else ""
    words = (f"{best.name} serves most{per_gpu}{slo_words(sweep)}: "
             f"{number(sweep.requests_within_slo(best))} requests/s on {gpu_count(best.gpus)}")
    if others and others[0].best_point is not None:
        words += (f"; next is {others[0].name} with "
                  f"{number(sweep.requests_within_slo(others[0]))}")
    return words + "."


def headline(sweep):
    best = ranking(sweep)[0]
    point = best.best_point
    if point is None:
        return ""
    requests_per_s = sweep.requests_within_slo(best)
    tiles = [("best", best.name, gpu_count(best.gpus)),
             ("requests/s", number(requests_per_s), f"{number(requests_per_s / best.gpus)} a GPU"),
             ("output tokens/s", number(point["lasting_tokens_per_s"]),
              f"at {number(lasting_requests_per_s(point))} requests/s, as the rest" if sweep.has_loads
              else f"{number(point['lasting_tokens_per_s'] / best.gpus)} a GPU"),
             ("TTFT p95", seconds(point["ttft_s.p95"]), LATENCIES["ttft"]),
             ("TPOT p95", seconds(point["tpot_s.p95"]), LATENCIES["tpot"])]
    usd = usd_per_million(point)
    if math.isfinite(usd):
        tiles.append(("a million output tokens", dollars(usd),
                      f"at {dollars(point['usd_per_hour'] / best.gpus)} a GPU and hour"))
    return tiles_html(tiles)


def comparison_section(page, sweep):
    header = ("series", "GPUs", "requests/s", "per GPU", "TTFT p95", "TPOT p95",
              "tokens/s per GPU", "$ per million", "sustained to", "saturated from")
    rows = []
    for curve in ranking(sweep):
        best = curve.best_point
        if best is None:
            shown = [("none", "bad"), "–", "–", "–", "–", "–"]
        else:
            requests_per_s = sweep.requests_within_slo(curve)
            shown = [number(requests_per_s), number(requests_per_s / curve.gpus),
                     seconds(best["ttft_s.p95"]), seconds(best["tpot_s.p95"]),
                     number(best["lasting_tokens_per_s"] / curve.gpus),
                     dollars(usd_per_million(best))]
        rows.append((curve.name, f"{curve.gpus:g}", *shown, number(curve.sustained_to),
                     number(curve.saturated_from)))
    note = f"Requests/s: the most that each serves{slo_words(sweep)}"
    if sweep.has_loads and sweep.scenario.slo_s:
        note += (", where its curve leaves it between two loads tried, as in analysis/figures.py; "
                 "what follows is at the lower of the two")
    page.section("The series compared", table_html(header, rows, "series"), note + ".")


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


def points_with_rows(sweep):
    """A point for each series: its best, or where none meets the SLO its lightest load."""
    for curve in sweep.curves:
        best = curve.best_point
        yield curve, best if best is not None else curve.points[0]


def stages_section(page, sweep):
    rows = [(curve.name, "", {
        name: float(point["stages." + column.replace("_", ".", 1)])
        for column, name in TIME_PARTS.items()}) for curve, point in points_with_rows(sweep)]
    page.section("Where the time goes", bars_html(rows, percent, scale_to=1),
                 "Mean over the stages of each series, at its best load within the SLO, or at its "
                 "lightest where it has none.")


def memory_section(page, sweep):
    rows = [(curve.name, "", {name: float(point["memory." + column])
                              for column, name in MEMORY_PARTS.items()})
            for curve, point in points_with_rows(sweep)]
    page.section("Memory of a GPU", bars_html(rows, data_size), "Of each series' stage with the least room for KV.")


def too_short_words(sweep):
    """Which points of a sweep, which has such, do not tell whether they keep up."""
    counts = {curve.name: len(curve.too_short) for curve in sweep.curves if len(curve.too_short)}
    requests = max(curve.too_short["requests_to_tell"].max(initial=0) for curve in sweep.curves)
    return ("points whose runs were too short to tell whether they keep up with their load, none of "
            "which is taken for the best: "
            + ", ".join(f"{count} of {name}" for name, count in counts.items())
            + f"; about {number(requests)} requests a point would tell")


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
