#!/usr/bin/python3
"""Draws figures for papers from a run's or a sweep's file.

    analysis/figures.py OUT.h5 [-o STEM] [--format svg,pdf,png] [--only NAMES] [--window 60s,61s]

Of a run: STEM-latency (percentiles), STEM-stages (where the time goes) and, where the run kept a
timeline, STEM-timeline (the pipeline in the window, without one in the busiest 200 ms). Of a sweep:
STEM-latency (against load, with the highest loads tried that each curve carries, and does within the
SLO), STEM-throughput, STEM-pareto (of points that kept up with their load) and STEM-stages. Without
-o, STEM is OUT.h5 without its suffix. The same file gives the same bytes.
"""

import argparse
import sys
import textwrap
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy
from matplotlib import pyplot as plt
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator

from palette import COLOURS, LINES
from report import EXIT_IO, EXIT_USAGE, check_window, parse_window
from results import LATENCIES, TIME_PARTS, NotTandem, Plan, Run, open_results, reading

# A column of two on A4 or letter paper is 3.4 inches wide, the page's text 7.
WIDTH_IN = 7

# As much of the busiest second as can be read in print.
TIMELINE_S = 0.2

LEGEND_ROW_IN = 0.18

# Names that are longer go on in further lines, or would leave no room for the bars beside them, and
# reach out of a legend.
NAME_LETTERS = 26
LEGEND_LETTERS = 96

# From one dot of a dotted line to the next, in widths of the line.
DOT_EVERY = 2.65

SLO_COLOUR = "#5b636d"

# Where a sample of a line stands beside a bar, in widths of the axes.
SAMPLE = (-0.055, -0.01)

STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ed",
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,  # letters stay letters, which journals ask for
    "svg.fonttype": "none",
    "svg.hashsalt": "tandem",
    "text.parse_math": False,  # of names, $ and all
}


def line_style(index):
    return {"color": LINES[index % len(LINES)],
            "linestyle": ("-", "--", ":", "-.")[index // len(LINES) % 4]}


def line_count(text):
    return text.count("\n") + 1


def filled(name, letters):
    """A name over several lines where need be, broken between words, or at hyphens where a word is
    longer than a line."""
    return textwrap.fill(name, letters,
                         break_on_hyphens=any(len(word) > letters for word in name.split()))


def wrapped(names):
    """The names of bars, over several lines where need be; and how many lines the longest has."""
    texts = [filled(name, NAME_LETTERS) for name in names]
    return texts, max(map(line_count, texts))


def legend_above(figure, axes, columns):
    """One legend for all of the figure, in room that its panels leave at the top. It has fewer
    columns where the figure is too narrow, which grows by a row's height for each but the first."""
    handles, names = axes.get_legend_handles_labels()
    labels = [filled(name, LEGEND_LETTERS) for name in names]
    for columns in range(columns, 0, -1):
        legend = figure.legend(handles, labels, ncols=columns, loc="upper center", fontsize=8)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    rows = -(-sum(map(line_count, labels)) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW_IN * max(rows - 1, 0))
    room = (LEGEND_ROW_IN * rows + 0.1) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - room))


def from_zero(furthest):
    """Limits of an axis from 0 to a little beyond its furthest point, which is cut on the edge."""
    return 0, 1.06 * furthest if furthest > 0 else None


def latency_of_run(run):
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3))
    percentiles = numpy.linspace(0, 100, 501)
    for index, (name, values) in enumerate(run.latencies_s().items()):
        if len(values):
            axes.plot(percentiles, numpy.percentile(values, percentiles), label=name,
                      **line_style(index))
    for name, bound in run.scenario.slo_s.items():
        axes.axhline(bound, color=SLO_COLOUR, linestyle=":", linewidth=1)
        axes.annotate(f"SLO {name.upper()}", (100, bound), xytext=(4, 0), va="center",
                      textcoords="offset points", color=SLO_COLOUR, fontsize=8)
    axes.set(xlabel="percentile of requests", ylabel="latency", yscale="log", xlim=(0, 100))
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    legend_above(figure, axes, 4)
    return figure


def bar_room_in(lines, of_one_in):
    """The room of a bar whose name has so many lines."""
    return of_one_in + 0.15 * (lines - 1)


def stacked_bars(names, shares, notes=()):
    """Horizontal bars, from the top, with notes behind them; `shares` by part, each a value for every
    name."""
    texts, lines = wrapped(names)
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 1.1 + bar_room_in(lines, 0.26) * len(names)))
    rows = numpy.arange(len(names))
    left = numpy.zeros(len(names))
    for part, values in shares.items():
        values = numpy.asarray(values)
        if values.max() > 0.0005:
            axes.barh(rows, 100 * values, left=100 * left, color=COLOURS[part], label=part,
                      height=0.75)
        left += values
    for row, note in enumerate(notes):
        axes.annotate(note, (100, row), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8)
    axes.set_yticks(rows, texts)
    axes.invert_yaxis()
    axes.grid(False)
    axes.set(xlabel="share of the time, %", xlim=(0, 100))
    axes.tick_params(axis="y", length=0)
    legend_above(figure, axes, 4)
    return figure


def stages_of_run(run):
    stages = run.stages
    return stacked_bars([run.stage_name(row["replica"], row["stage"]) for row in stages],
                        {part: stages[column] for column, part in TIME_PARTS.items()})


def timeline_of_run(run, window_s):
    start_s, end_s = window_s or (run.busiest_second()[0], run.busiest_second()[0] + TIMELINE_S)
    spans, kinds = run.spans(start_s, end_s)
    rows = sorted({(int(span["replica"]), int(span["stage"])) for span in spans})
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 1.1 + 0.26 * len(rows)))
    named = set()
    for span in spans:
        kind = kinds[span["kind"]]
        if kind == "send":
            continue
        part = TIME_PARTS.get(kind, "compute")
        label = "work" if kind == "stage" else part
        axes.barh(rows.index((span["replica"], span["stage"])), span["duration_ps"] / 1e12,
                  left=span["start_ps"] / 1e12, color=COLOURS[part], height=0.75,
                  edgecolor="white", linewidth=0.4 if kind == "stage" else 0,
                  label=None if label in named else label)
        named.add(label)
    axes.set(xlim=(start_s, end_s), xlabel="time, s",
             yticks=range(len(rows)),
             yticklabels=[run.stage_name(*row) for row in rows])
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(axis="y", length=0)
    legend_above(figure, axes, 5)
    return figure


def load_label(sweep):
    return "requests in flight" if sweep.is_concurrency else "offered load, requests/s"


def title(axes, words):
    axes.set_title(words, loc="left", fontsize=9, fontweight="bold")


def draw_curve(axes, sweep, curve, points, column, style, label=None):
    """A column of the points against their load. Hollow: runs too short to tell whether they keep
    up."""
    short = curve.too_short
    axes.plot(sweep.loads(points), points[column], marker="o", label=label, **style)
    axes.plot(sweep.loads(short), short[column], marker="o", markerfacecolor="white",
              color=style["color"], linestyle="none")


def draw_walls(axes, sweep):
    """A dotted line where each curve is saturated; where several are, their dots take turns."""
    walls = {}
    for index, curve in enumerate(sweep.curves):
        if numpy.isfinite(curve.saturated_from):
            walls.setdefault(f"{curve.saturated_from:.3g}", []).append((index, curve))
    for together in walls.values():
        for turn, (index, curve) in enumerate(together):
            axes.axvline(curve.saturated_from, color=line_style(index)["color"], linewidth=1,
                         linestyle=(-turn * DOT_EVERY, (1, len(together) * DOT_EVERY - 1)))


def draw_latency(axes, sweep, name):
    """A latency against load; each curve climbs towards its wall, a dotted line."""
    for index, curve in enumerate(sweep.curves):
        draw_curve(axes, sweep, curve, curve.unsaturated, sweep.slo_column(name), line_style(index))
    draw_walls(axes, sweep)
    if name in sweep.scenario.slo_s:
        bound = sweep.scenario.slo_s[name]
        axes.axhline(bound, color=SLO_COLOUR, linestyle="--", linewidth=1)
        axes.annotate("SLO", (1, bound), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", ha="right", color=SLO_COLOUR, fontsize=8)
    title(axes, f"{LATENCIES[name].capitalize()}, {sweep.slo_column(name).partition('.')[2]}")
    axes.set(xlabel=load_label(sweep), yscale="log")
    if sweep.is_concurrency:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(EngFormatter("s"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(length=0)


def draw_capacity(axes, sweep):
    """The highest load tried that each curve carries: before its wall, pale, and within the SLO, if
    any; those above of which only longer runs would tell are hollow, like their points."""
    has_slo = bool(sweep.scenario.slo_s)
    has_gaps = any(curve.has_gap for curve in sweep.curves)
    has_dashes = len(sweep.curves) > len(LINES)  # which tell apart what colours do not
    texts, _ = wrapped([curve.name for curve in sweep.curves])
    for index, curve in enumerate(sweep.curves):
        colour = line_style(index)["color"]
        carried, good = sweep.loads(curve.kept_up).max(initial=0), sweep.load_within_slo(curve)
        perhaps = max(carried, sweep.loads(curve.too_short).max(initial=0) * curve.has_gap)
        if perhaps > carried:
            axes.barh(index, perhaps - carried, left=carried, height=0.7, fill=False,
                      linewidth=0.8, edgecolor=colour)
        axes.barh(index, carried, color=colour, alpha=0.3, height=0.7)
        axes.barh(index, good, color=colour, height=0.7)
        axes.annotate(f"{good:.3g} of {carried:.3g}" if has_slo else f"{carried:.3g}",
                      (perhaps, index), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8)
        if has_dashes:
            axes.plot(SAMPLE, (index, index), transform=axes.get_yaxis_transform(), clip_on=False,
                      **line_style(index))
    within = "within the SLO, and " if has_slo else ""
    unsure = "\n(hollow: runs too short to tell)" if has_gaps else ""
    title(axes, f"{load_label(sweep).capitalize()}: {within}before saturation{unsure}")
    axes.set(yticks=range(len(sweep.curves)), yticklabels=texts)
    axes.invert_yaxis()
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if has_dashes:
        axes.tick_params(axis="y", pad=30)
    axes.xaxis.set_visible(False)


def latency_of_sweep(sweep):
    _, lines = wrapped([curve.name for curve in sweep.curves])
    words_in = 0.4 + 0.15 * any(curve.has_gap for curve in sweep.curves)
    heights_in = (2.9, words_in + bar_room_in(lines, 0.22) * len(sweep.curves))
    figure = plt.figure(figsize=(WIDTH_IN, sum(heights_in)))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights_in)
    for axes, name in zip(upper.subplots(1, 2, sharex=True), ("ttft", "tpot")):
        draw_latency(axes, sweep, name)
    draw_capacity(lower.subplots(), sweep)
    return figure


def throughput_of_sweep(sweep):
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.2))
    for index, curve in enumerate(sweep.curves):
        draw_curve(axes, sweep, curve, curve.points, "output_tokens_per_s", line_style(index),
                   curve.name)
    axes.set(xlabel=load_label(sweep), ylabel="output tokens/s", ylim=from_zero(axes.dataLim.y1))
    legend_above(figure, axes, 3)
    return figure


def pareto_of_sweep(sweep):
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 3.2))
    for index, curve in enumerate(sweep.curves):
        users, gpus = curve.pareto
        if len(users):
            axes.plot(users, gpus, marker="o", label=curve.name, **line_style(index))
    if len(axes.lines) < len(sweep.curves):
        title(axes, f"{len(axes.lines)} of {len(sweep.curves)} series kept up with their load")
    axes.set(xlabel="output tokens/s per user", ylabel="output tokens/s per GPU",
             xlim=from_zero(axes.dataLim.x1), ylim=from_zero(axes.dataLim.y1))
    legend_above(figure, axes, 3)
    return figure


def stages_of_sweep(sweep):
    """Of each curve at its best load within the SLO, or its lightest where it has none."""
    points = [curve.shown_point for curve in sweep.curves]
    return stacked_bars([curve.name for curve in sweep.curves], {
        part: [point["stages." + column.replace("_", ".", 1)] for point in points]
        for column, part in TIME_PARTS.items()}, [sweep.load_words(point) for point in points])


def figures_of(results, window_s):
    """What there is to draw: a function for each name."""
    if isinstance(results, Run):
        figures = {"latency": latency_of_run} if len(results.counted) else {}
        figures["stages"] = stages_of_run
        if results.has_timeline:
            figures["timeline"] = partial(timeline_of_run, window_s=window_s)
        return figures
    figures = {}
    if results.has_loads:
        figures |= {"latency": latency_of_sweep, "throughput": throughput_of_sweep}
    if any(len(curve.pareto[0]) for curve in results.curves):
        figures["pareto"] = pareto_of_sweep
    if results.curves:
        figures["stages"] = stages_of_sweep
    return figures


def draw(results, options, stem):
    """Draws and writes the figures that are asked for; ValueError for one that there is not."""
    with reading(options.results):
        figures = figures_of(results, options.window)
    if not figures:
        raise NotTandem(f"{options.results}: no point of this sweep could be run, so there is nothing "
                        "to draw; `tandem report` says why")
    for name in options.only or figures:
        if name not in figures:
            raise ValueError(f"no figure '{name}' of this file, but {', '.join(figures)}")
        with reading(options.results):
            figure = figures[name](results)
        for suffix in options.format.split(","):
            path = stem.with_name(f"{stem.name}-{name}.{suffix}")
            # A date would make each file another.
            dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
            figure.savefig(path, dpi=200, metadata=dateless.get(suffix))
            print(path)
        plt.close(figure)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Draws figures from a run's or a sweep's file.")
    parser.add_argument("results", metavar="OUT.h5", type=Path)
    parser.add_argument("-o", "--output", metavar="STEM", type=Path)
    parser.add_argument("--format", default="svg,pdf,png", help="default: svg,pdf,png")
    parser.add_argument("--only", metavar="NAMES", type=lambda names: names.split(","),
                        help="default: all that there are")
    parser.add_argument("--window", metavar="FROM,TO", type=parse_window,
                        help="what the timeline shows, as in 60s,60.2s")
    return parser.parse_args(arguments)


def main():
    try:
        options = parse_arguments(sys.argv[1:])
        stem = options.output or options.results.with_suffix("")
        results = open_results(options.results)
        if isinstance(results, Plan):
            raise NotTandem(f"{options.results}: a plan's charts are in the page that `tandem report` "
                            "makes")
        check_window(options.window, results)
        with plt.rc_context({**STYLE, "figure.constrained_layout.use": True}):
            draw(results, options, stem)
    except argparse.ArgumentTypeError as misuse:
        print(f"figures.py: {misuse}", file=sys.stderr)
        return EXIT_USAGE
    except (OSError, NotTandem, ValueError) as fault:
        print(f"figures.py: {fault}", file=sys.stderr)
        return EXIT_IO
    return 0


if __name__ == "__main__":
    sys.exit(main())
