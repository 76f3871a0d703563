#!/usr/bin/env python3
"""A lean serving engine on real GPUs, to check a prediction of tandem's against.

Serves a Llama-shaped decoder with random weights under tensor and pipeline parallelism, replays the
cases of a suite (suite.py) with continuous batching and chunked prefill (scheduler.py), and writes
into a folder

    requests.csv   case,arrival_s,input_tokens,output_tokens,scheduled_s,first_token_s,done_s
    steps.csv      case,step,scheduled_s,done_s,decode_tokens,decode_context_tokens,prefill_chunks
    stages.csv.gz  case,step,gpu,stage,start_ms,end_ms
    meta.json      layout, limits, software, peak memory

with times from the start of each case.
"""

import argparse
import csv
import gzip
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import table
from channel import ROWS_MAX, Channel
from lazily import lazily
from models import MODELS, ROOM_TOKENS
from scheduler import Limits, Scheduler, Stuck

torch = lazily("torch")
mp = lazily("torch.multiprocessing")
worker = lazily("worker")

STEP_TOKENS = 2048
END_LIMIT_S = 60    # for workers to write their logs

REQUEST_COLUMNS = ["case", "arrival_s", "input_tokens", "output_tokens", "scheduled_s",
                   "first_token_s", "done_s"]
STEP_COLUMNS = ["case", "step", "scheduled_s", "done_s", "decode_tokens", "decode_context_tokens",
                "prefill_chunks"]
STAGE_COLUMNS = ["case", "step", "gpu", "stage", "start_ms", "end_ms"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def read_suite(path, model, only):
    """(name, requests) of the cases to replay, in order; repeats are numbered: single-1."""
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    chosen = []
    for case in cases:
        if (only and case["name"] not in only) or model not in case.get("models", [model]):
            continue
        if max(request[1] + request[2] for request in case["requests"]) > ROOM_TOKENS:
            sys.exit(f"serve.py: case {case['name']}: a request has over {ROOM_TOKENS} tokens")
        repeats = case.get("repeats", 1)
        chosen += [(case["name"] + (f"-{repeat + 1}" if repeats > 1 else ""), case["requests"])
                   for repeat in range(repeats)]
    return chosen


class Engine:
    """The worker processes and their channel. stop() it, however start() went."""

    def __init__(self, layout):
        self.layout = layout
        self.channel = Channel()
        context = mp.get_context("spawn")
        self.processes = [context.Process(target=worker.main, daemon=True,
                                          args=(rank, layout, self.channel.names))
                          for rank in range(layout.ranks)]

    def start(self):
        for process in self.processes:
            process.start()
        while self.channel.ready_count() < self.layout.ranks:
            time.sleep(0.1)
            if not self.is_alive():
                raise Stuck("a worker died before it was ready")

    def is_alive(self):
        return all(process.exitcode is None for process in self.processes)

    def stop(self):
        limit_s = END_LIMIT_S if self.is_alive() else 1
        self.channel.stop()
        for process in self.processes:
            if process.pid is not None:
                process.join(limit_s)
                process.kill()
        self.channel.close()

    def logs(self):
        """What each worker wrote at its end."""
        return [json.loads(Path(self.layout.folder, f"worker-{rank}.json").read_text("utf-8"))
                for rank in range(self.layout.ranks)]


def report(name, scheduler):
    """One line on a case."""
    requests = scheduler.requests
    ttft_ms = statistics.median(1e3 * (r.first_token_s - r.arrival_s) for r in requests)
    tpot_ms = statistics.median(1e3 * (r.done_s - r.first_token_s) / max(1, r.output_tokens - 1)
                                for r in requests)
    tokens_per_s = sum(r.output_tokens for r in requests) / max(r.done_s for r in requests)
    print(f"{name:10} {len(requests):4} requests  TTFT p50 {ttft_ms:7.1f} ms  "
          f"TPOT p50 {tpot_ms:6.2f} ms  {tokens_per_s:7.0f} tokens/s", flush=True)


def serve(layout, cases):
    """Replays the cases one after the other: ((name, its scheduler) of each, workers' logs)."""
    limits = Limits(STEP_TOKENS, layout.max_sequences, layout.stages)
    done, first_step = [], 0
    engine = Engine(layout)
    try:
        engine.start()
        if layout.cpus:
            os.sched_setaffinity(0, {layout.cpus[-1]})
        for name, requests in cases:
            scheduler = Scheduler(requests, limits, engine.channel, first_step)
            first_step = scheduler.replay(engine.is_alive)
            report(name, scheduler)
            done.append((name, scheduler))
    finally:
        engine.stop()
    return done, engine.logs()


def seconds(value):
    return f"{value:.6f}"


def request_rows(done):
    for case, scheduler in done:
        for one in scheduler.requests:
            yield {"case": case, "arrival_s": one.arrival_s, "input_tokens": one.input_tokens,
                   "output_tokens": one.output_tokens, "scheduled_s": seconds(one.scheduled_s),
                   "first_token_s": seconds(one.first_token_s), "done_s": seconds(one.done_s)}


def step_rows(done):
    for case, scheduler in done:
        for one in scheduler.steps:
            yield {"case": case, "step": one.number, "scheduled_s": seconds(one.scheduled_s),
                   "done_s": seconds(one.done_s), "decode_tokens": one.decodes,
                   "decode_context_tokens": one.decode_context_tokens,
                   "prefill_chunks": " ".join(f"{start}+{length}" for start, length in one.chunks)}


def stage_rows(done, logs):
    """Each GPU's interval of each step, on the clock of the step's case."""
    case_of_step = {step.number: (case, scheduler.begun_s)
                    for case, scheduler in done for step in scheduler.steps}
    rows = []
    for log in logs:
        for step, start_ms, end_ms in log["intervals_ms"]:
            case, begun_s = case_of_step[step]
            shift_ms = 1e3 * (log["begun_s"] - begun_s)
            rows.append({"case": case, "step": step, "gpu": log["gpu"], "stage": log["stage"],
                         "start_ms": f"{start_ms + shift_ms:.3f}",
                         "end_ms": f"{end_ms + shift_ms:.3f}"})
    return sorted(rows, key=lambda row: (row["step"], row["gpu"]))


def write_results(folder, layout, done, logs, source_text):
    folder = Path(folder)
    table.write(folder / "requests.csv", "Requests that a serving engine on real GPUs served.",
                source_text, REQUEST_COLUMNS, list(request_rows(done)))
    table.write(folder / "steps.csv", "The steps in which it served them; chunks: start+length.",
                source_text, STEP_COLUMNS, list(step_rows(done)))
    with gzip.open(folder / "stages.csv.gz", "wt", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, STAGE_COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(stage_rows(done, logs))
    meta = {"model": layout.model, "tp": layout.tensor_parallel, "pp": layout.stages,
            "layers": layout.stage_layers, "budget": STEP_TOKENS,
            "graph_sizes": layout.graph_sizes, "max_sequences": layout.max_sequences,
            "p2p_disabled": os.environ.get("NCCL_P2P_DISABLE", "0"), "cpus": layout.cpus,
            "source": source_text, "peak_bytes_per_gpu": [log["peak_bytes"] for log in logs]}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="8b", help="(%(default)s)")
    parser.add_argument("--tp", type=int, default=1, help="GPUs a stage (%(default)s)")
    parser.add_argument("--pp", type=int, default=1, help="stages (%(default)s)")
    parser.add_argument("--layers", help="layers of each stage: 20,12 (as even as can be)")
    parser.add_argument("--max-sequences", type=int, default=96, metavar="N",
                        help="that run at once (%(default)s)")
    parser.add_argument("--cpus", type=int, nargs="+", metavar="CPU", default=[],
                        help="of each GPU's process, then the scheduler's; quiet_cpus.py finds "
                             "them (the system's choice)")
    parser.add_argument("--suite", default="suite.json", help="what suite.py wrote (%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="replay these cases only")
    parser.add_argument("--out", default="served", help="the folder to write (%(default)s)")
    options = parser.parse_args()
    if not 1 <= options.max_sequences <= ROWS_MAX:
        parser.error(f"--max-sequences is from 1 to {ROWS_MAX}")
    if options.cpus and len(options.cpus) != options.tp * options.pp + 1:
        parser.error(f"--cpus must be {options.tp * options.pp + 1}: one a GPU and the scheduler's")
    if options.tp * options.pp > torch.cuda.device_count():
        parser.error(f"{options.tp * options.pp} GPUs are more than the "
                     f"{torch.cuda.device_count()} that there are")
    return parser, options


def stage_layers(parser, options):
    total = MODELS[options.model].layers
    if not options.layers:
        return [total // options.pp + (stage < total % options.pp)
                for stage in range(options.pp)]
    layers = [int(count) for count in options.layers.split(",")]
    if len(layers) != options.pp or sum(layers) != total:
        parser.error(f"--layers must be {options.pp} counts that sum to {total}")
    return layers


def main():
    parser, options = parse_options()
    cases = read_suite(options.suite, options.model, options.only)
    with tempfile.TemporaryDirectory() as folder:
        layout = worker.Layout(options.model, options.tp, stage_layers(parser, options),
                               options.max_sequences, ROOM_TOKENS, free_port(), folder,
                               options.cpus)
        try:
            done, logs = serve(layout, cases)
        except Stuck as stuck:
            sys.exit(f"serve.py: {stuck}")
    write_results(options.out, layout, done, logs, table.source("serve.py"))


if __name__ == "__main__":
    main()
