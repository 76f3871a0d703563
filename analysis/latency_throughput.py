#!/usr/bin/python3
"""Draws latency against load for three layouts of a 70B model on eight GPUs.

    analysis/latency_throughput.py [--tandem PATH] [-o STEM]

Runs the scenarios 70b-tp8, 70b-tp4-pp2 and 70b-pp8, an hour of chat replayed faster and slower, and
writes STEM.svg and STEM.png (without -o, doc/latency-throughput).
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tandem_program import ROOT, Tandem, TandemError, find

SCENARIOS = ROOT / "configs" / "scenarios"
TRACE_RATE_PER_S = 5.50  # of traces/chat.csv: `tandem trace info traces/chat.csv`
RATES_PER_S = [0.5 * i for i in range(1, 33)]

# A layout whose p95 TTFT is above this is full: its queue grows until the trace ends.
FULL_TTFT_S = 5

# Okabe and Ito's colours, which colour-blind readers tell apart.
LAYOUTS = {"70b-tp8": ("TP=8", "#0072B2"), "70b-tp4-pp2": ("TP=4 x PP=2", "#D55E00"),
           "70b-pp8": ("PP=8", "#009E73")}
INK, FAINT = "#222222", "#8a8a8a"


def measure(tandem):
    """{scenario: [answer at each rate]}, all cores at work."""
    jobs = [(name, rate) for name in LAYOUTS for rate in RATES_PER_S]

    def run(job):
        name, rate = job
        scale = f"workload.trace.rate_scale={rate / TRACE_RATE_PER_S!r}"
        return tandem.run(SCENARIOS / f"{name}.yaml", scale)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = iter(list(pool.map(run, jobs)))
    return {name: [next(answers) for _ in RATES_PER_S] for name in LAYOUTS}


def draw_panel(axes, measured, key, title, limits_ms, ticks_ms, slo_ms, label_at):
    """One latency's p95 against load, each line up to where its layout is full."""
    for name, answers in measured.items():
        label, colour = LAYOUTS[name]
        latency_ms = [answer[key]["p95"] * 1e3 for answer in answers]
        end = sum(answer["ttft_s"]["p95"] < FULL_TTFT_S for answer in answers)
        axes.plot(RATES_PER_S[:end], latency_ms[:end], color=colour, linewidth=2.2,
                  solid_capstyle="round")
        axes.plot(RATES_PER_S[end - 1], latency_ms[end - 1], "o", color=colour, markersize=6)
        at, offset = label_at[name]
        y_ms = latency_ms[RATES_PER_S.index(at)]
        axes.annotate(label, (at, y_ms), offset, textcoords="offset points", color=colour,
                      fontsize=11, fontweight="bold", ha="center")
    axes.axhline(slo_ms, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(f"SLO {slo_ms:g} ms", (0, slo_ms), (4, 4), textcoords="offset points",
                  color=FAINT, fontsize=9)
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=10)
    axes.set_yscale("log")
    axes.set_ylim(*limits_ms)
    axes.yaxis.set_major_locator(FixedLocator(ticks_ms))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(
        lambda ms, _: f"{ms / 1e3:g} s" if ms >= 1e3 else f"{ms:g} ms"))
    axes.set_xlim(0, RATES_PER_S[-1])
    axes.set_xlabel("requests/s", color=INK, fontsize=10)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, labelsize=9.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)


def draw(measured):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6))
    draw_panel(left, measured, "ttft_s", "Time to first token, p95", (150, 5e3),
               [200, 500, 1000, 2000, 5000], 500,
               {"70b-tp8": (5.0, (0, -18)), "70b-tp4-pp2": (10.0, (-30, 10)),
                "70b-pp8": (3.0, (0, 12))})
    draw_panel(right, measured, "tpot_s", "Time per output token, p95", (10, 300),
               [10, 20, 50, 100, 200], 50,
               {"70b-tp8": (9.0, (18, -18)), "70b-tp4-pp2": (8.0, (-34, 16)),
                "70b-pp8": (4.0, (-8, 14))})
    figure.suptitle("One Llama-3.1-70B, eight H100, three layouts", x=0.065, y=0.975, ha="left",
                    fontsize=14, fontweight="bold", color=INK)
    figure.text(0.065, 0.885, "Chat of 1,164 tokens in and 209 out on average, 10,000 requests a "
                "point. A line ends at the last load that its layout keeps up with.", fontsize=9.5,
                color=FAINT, ha="left")
    figure.subplots_adjust(left=0.065, right=0.985, top=0.78, bottom=0.115, wspace=0.16)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tandem", metavar="PATH", help="the program; build/tandem, else PATH's")
    parser.add_argument("-o", metavar="STEM", type=Path,
                        default=ROOT / "doc" / "latency-throughput", help="files without suffix")
    options = parser.parse_args()
    # The same run gives the same file: no date, no random ids.
    plt.rcParams.update({"svg.hashsalt": "tandem", "svg.fonttype": "path",
                         "font.family": "DejaVu Sans"})
    try:
        figure = draw(measure(Tandem(find(options.tandem))))
    except TandemError as error:
        print(f"latency_throughput.py: {error}", file=sys.stderr)
        return 1
    figure.savefig(options.o.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    figure.savefig(options.o.with_suffix(".png"), dpi=144, metadata={"Software": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
