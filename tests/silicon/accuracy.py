#!/usr/bin/python3
"""Prints the README's accuracy tables: how far the simulator is from measured hardware.

usage: accuracy.py TANDEM

Kernels come from the shipped residuals.csv, which tests/silicon/left_out.py holds to their tables;
whole engines from the scripts beside this one, whose measurements must be at hand (each says where
it looks for them); a row whose measurements are not says so.
"""

import contextlib
import io
import sys
from statistics import mean

import published_vllm
import rtx_pro_6000
import serving

CLASSES = {"GEMM": ("gemm",), "decode attention": ("attn_decode",),
           "prefill attention": ("attn_prefill",),
           "collectives": ("all_reduce", "custom_all_reduce", "all_gather", "reduce_scatter",
                           "all_to_all", "send_recv")}
GPUS = {"h200-sxm": "H200", "h100-sxm": "H100", "a100-80g-sxm": "A100", "b200-sxm": "B200",
        "l40s": "L40S", "rtx-pro-6000": "RTX PRO 6000"}
METRICS = ["TPOT p50", "TTFT p50", "E2E p50", "tokens/s"]
ABSENT = "not at hand"


def kernel_rows():
    """A row a GPU: the mean error of each class, weighed by its points."""
    for folder, name in GPUS.items():
        path = serving.ROOT / "configs" / "gpus" / folder / "residuals.csv"
        found = serving.rows(path)
        cells = [name]
        for ops in CLASSES.values():
            mine = [(int(row["points"]), float(row["point_error"])) for row in found
                    if row["op"] in ops and row["point_error"]]
            points = sum(count for count, _ in mine)
            error = sum(count * one for count, one in mine) / points if points else None
            cells.append("-" if error is None else f"{error:.1%}")
        yield cells


def engine_rows(program):
    """Of each layout that was measured: the means of absolute errors over its cases."""
    for layout in serving.LAYOUTS:
        name = f"reference engine, Llama-3.1-8B on H200, {layout.removeprefix('8b_')}"
        folder = serving.SILICON / "h200" / layout
        if not folder.is_dir():
            yield [name] + [ABSENT] * len(METRICS)
            continue
        cases = quietly(serving.compare_layout, program, folder)
        yield [name] + [f"{mean(abs(case[metric][0]) for case in cases.values()):.1%}"
                        for metric in METRICS]


def published_rows(program):
    name = "vLLM 0.19, Llama-3.1-8B on RTX PRO 6000, means"
    if rtx_pro_6000.FOLDER.is_dir():
        errors = quietly(rtx_pro_6000.compare, program)
        yield [name] + [f"{abs(errors[key]):.1%}" for key in ("tpot_s", "ttft_s", "e2e_s")] + ["-"]
    else:
        yield [name] + [ABSENT] * len(METRICS)
    name = "vLLM, Llama-3.1-70B fp8 on 2 to 8 H100, medians of 42 rows"
    if published_vllm.PATH.exists():
        medians, _ = quietly(published_vllm.compare, program)
        yield [name, f"{medians['tpot']:.1%}", f"{medians['ttft']:.1%}", "-", "-"]
    else:
        yield [name] + [ABSENT] * len(METRICS)


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
    print_table(["whole engines", *METRICS],
                [*engine_rows(sys.argv[1]), *published_rows(sys.argv[1])])
    return 0


if __name__ == "__main__":
    sys.exit(main())
