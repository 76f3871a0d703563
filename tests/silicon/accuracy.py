#!/usr/bin/python3
"""Prints the README's accuracy tables: how far the simulator is from measured hardware.

usage: accuracy.py TANDEM

Kernels come from the shipped residuals.csv, which tests/silicon/left_out.py holds to their tables;
whole engines from the scripts beside this one, whose measurements must be at hand (each says where
it looks for them); a row whose measurements are not says so.
"""

import contextlib
import io
import json
import sys
from statistics import mean

import measured
import published_vllm
import rtx_pro_6000
import serving

CLASSES = {"GEMM": ("gemm",), "decode attention": ("attn_decode", "attn_decode_fa3"),
           "prefill attention": ("attn_prefill", "attn_prefill_fa3"), "experts": ("experts",),
           "parallel experts": ("experts_parallel",),
           "collectives": ("all_reduce", "custom_all_reduce", "all_gather", "reduce_scatter",
                           "all_to_all", "send_recv")}
GPUS = {"h200-sxm": "H200", "h100-sxm": "H100", "a100-80g-sxm": "A100", "b200-sxm": "B200",
        "l40s": "L40S", "rtx-pro-6000": "RTX PRO 6000"}
METRICS = ["TPOT p50", "TTFT p50", "E2E p50", "tokens/s"]
MODELS = {"8b": "Llama-3.1-8B", "70b": "Llama-3.1-70B", "32b": "Qwen3-32B's shape"}
ABSENT = "not at hand"


def kernel_row(name, found):
    """The mean error of each class, weighed by its points."""
    cells = [name]
    for ops in CLASSES.values():
        mine = [(int(row["points"]), float(row["point_error"])) for row in found
                if row["op"] in ops and row["point_error"]]
        points = sum(count for count, _ in mine)
        error = sum(count * one for count, one in mine) / points if points else None
        cells.append("-" if error is None else f"{error:.1%}")
    return cells


def kernel_rows():
    """A row a GPU, and one of its kernels in fp8 where their source is another's."""
    for gpu, name in GPUS.items():
        folder = measured.ROOT / "configs" / "gpus" / gpu
        found = measured.rows(folder, "residuals.csv")
        has_two = (folder / "kernels_fp8.csv").exists()
        yield kernel_row(name, [row for row in found if not has_two or row["dtype"] != "fp8"])
        if has_two:
            yield kernel_row(f"{name} in fp8", [row for row in found if row["dtype"] == "fp8"])


def within_bars(figures):
    """How many, and how many of them because repeats are as far apart as that."""
    within = [name for name, error, bar in figures if abs(error) <= bar]
    by_repeats = sum(abs(error) > serving.bar_of(name) for name, error, bar in figures
                     if abs(error) <= bar)
    return f"{len(within)} of {len(figures)}" + (f", {by_repeats} by repeats" if by_repeats else "")


def layout_text(model, tensor_parallel, pipeline_parallel, layers, p2p_disabled, host_slowdown):
    """What sets a run's layout apart, in words; all arguments are text."""
    text = f"{MODELS[model]} on H200, TP={tensor_parallel}"
    if pipeline_parallel != "1":
        counts = json.loads(layers)
        uneven = f" ({' + '.join(map(str, counts))} layers)" if len(set(counts)) > 1 else ""
        text += f" x PP={pipeline_parallel}{uneven}"
    if p2p_disabled == "1":
        text += ", no peer access"
    return text + (f", CPU {host_slowdown} times as slow" if host_slowdown != "1" else "")


def engine_rows(program):
    """Of each layout that was measured: the means of absolute errors over its runs' cases."""
    runs = [measured.read(folder) for folder in measured.folders()]
    for layout in sorted({run.layout for run in runs}):
        cases = [case for run in runs if run.layout == layout
                 for case in quietly(serving.compare, program, run, runs).values()]
        figures = [(name, *figure) for case in cases for name, figure in case.items()]
        name = f"reference engine, {layout_text(*layout)}"
        yield [name] + [f"{mean(abs(case[metric][0]) for case in cases):.1%}"
                        for metric in METRICS] + [within_bars(figures)]
    if not measured.SILICON.is_dir():
        yield ["reference engine, the folder of TANDEM_SILICON"] + [ABSENT] * len(METRICS) + ["-"]


def published_rows(program):
    name = "vLLM 0.19, Llama-3.1-8B on RTX PRO 6000, means"
    if rtx_pro_6000.FOLDER.is_dir():
        errors = quietly(rtx_pro_6000.compare, program)
        yield [name] + [f"{abs(errors[key]):.1%}" for key in ("tpot_s", "ttft_s", "e2e_s")] + \
            ["-", "-"]
    else:
        yield [name] + [ABSENT] * len(METRICS) + ["-"]
    name = "vLLM, Llama-3.1-70B fp8 on 2 to 8 H100, medians of 42 rows"
    if published_vllm.PATH.exists():
        medians, _ = quietly(published_vllm.compare, program)
        yield [name, f"{medians['tpot']:.1%}", f"{medians['ttft']:.1%}", "-", "-", "-"]
    else:
        yield [name] + [ABSENT] * len(METRICS) + ["-"]


def quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def print_table(header, rows):
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    print_table(["points left out", *CLASSES], kernel_rows())
    print()
    print_table(["whole engines", *METRICS, "within bars"],
                [*engine_rows(sys.argv[1]), *published_rows(sys.argv[1])])
    return 0


if __name__ == "__main__":
    sys.exit(main())
