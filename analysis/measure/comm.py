#!/usr/bin/env python3
"""Times NCCL's collectives over the GPUs of one machine: collectives.csv for `tandem calibrate`.

A time is the median microseconds of one call, replayed in a CUDA graph (graph 1) or launched one by
one (graph 0, all-reduce only), over peer memory (p2p 1) and through host memory (p2p 0). `bytes` is
the full buffer: all-gather's result, reduce-scatter's input.
"""

import argparse
import csv
import os
import socket
import statistics
import sys
import tempfile
from pathlib import Path

import table
from lazily import lazily

torch = lazily("torch")
dist = lazily("torch.distributed")
mp = lazily("torch.multiprocessing")

FULL_SIZES = [1 << bits for bits in range(8, 31)] + [3 << bits for bits in range(12, 26, 2)]
QUICK_SIZES = [1 << bits for bits in range(10, 29, 3)]
HOST_BYTES_MAX = 1 << 28   # beyond, host memory is slow and its rate known
EAGER_BYTES_MAX = 1 << 22  # beyond, the launch no longer shows
ROUNDS = 7
WORLD_LIMIT_S = 240  # for one number of ranks over one fabric


def collectives(rank, ranks, bytes_max):
    """name -> call(bytes), on buffers that live as long as the calls."""
    source, target = (torch.zeros(bytes_max // 2, dtype=torch.bfloat16, device="cuda")
                      for _ in range(2))
    calls = {
        "all_reduce": lambda b: dist.all_reduce(source[:b // 2]),
        "all_gather": lambda b: dist.all_gather_into_tensor(target[:b // 2],
                                                            source[:b // 2 // ranks]),
        "reduce_scatter": lambda b: dist.reduce_scatter_tensor(target[:b // 2 // ranks],
                                                               source[:b // 2]),
        "all_to_all": lambda b: dist.all_to_all_single(target[:b // 2], source[:b // 2]),
    }
    if ranks == 2:
        calls["send_recv"] = lambda b: (dist.send(source[:b // 2], 1) if rank == 0
                                        else dist.recv(source[:b // 2], 0))
    return calls


def captured(call, repeats):
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        for _ in range(repeats):
            call()
    graph.replay()
    torch.cuda.synchronize()
    dist.barrier()
    return graph


def median_us(call, size, in_graph):
    """Median microseconds of one call; all ranks begin each round together."""
    repeats = 20 if size <= 1 << 22 else 6 if size <= 1 << 27 else 3
    graph = captured(call, repeats) if in_graph else None
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times_us = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        start.record()
        if graph:
            graph.replay()
        else:
            for _ in range(repeats):
                call()
        end.record()
        end.synchronize()
        times_us.append(start.elapsed_time(end) * 1e3 / repeats)
    return statistics.median(times_us)


def measure(rank, ranks, peer, sizes):
    rows = []
    for op, call in collectives(rank, ranks, max(sizes)).items():
        for size in sorted({size // (2 * ranks) * (2 * ranks) for size in sizes} - {0}):
            if not peer and size > HOST_BYTES_MAX:
                continue
            for _ in range(3):
                call(size)
            torch.cuda.synchronize()
            dist.barrier()
            eager = op == "all_reduce" and size <= EAGER_BYTES_MAX
            for graph in (1, 0) if eager else (1,):
                time_us = median_us(lambda: call(size), size, graph)
                rows.append({"op": op, "ranks": ranks, "bytes": size, "p2p": int(peer),
                             "graph": graph, "time_us": f"{time_us:.3f}"})
    return rows


def worker(rank, ranks, port, peer, sizes, path):
    """One rank; rank 0 writes the rows to `path`."""
    # A send among the ranks of one group is what is timed; the warning is about that.
    os.environ["TORCH_NCCL_SHOW_EAGER_INIT_P2P_SERIALIZATION_WARNING"] = "false"
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{port}", rank=rank,
                            world_size=ranks, device_id=torch.device("cuda", rank))
    rows = measure(rank, ranks, peer, sizes)
    if rank == 0:
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, table.COLLECTIVE_COLUMNS).writerows(rows)
    dist.barrier()
    torch.cuda.synchronize()
    sys.stdout.flush()
    os._exit(0)  # graphs that hold NCCL calls make an orderly end hang


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_world(ranks, peer, sizes, folder):
    """Rows of one number of ranks over one fabric, each rank a process of its own."""
    path = Path(folder) / f"{ranks}-{int(peer)}.csv"
    os.environ["NCCL_P2P_DISABLE"] = "0" if peer else "1"
    context, port = mp.get_context("spawn"), free_port()
    processes = [context.Process(target=worker, args=(rank, ranks, port, peer, sizes, str(path)))
                 for rank in range(ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WORLD_LIMIT_S)
        if process.is_alive():
            process.kill()
    if not path.exists():
        sys.exit(f"comm.py: {ranks} ranks, p2p {int(peer)}: no result; exit codes "
                 f"{[process.exitcode for process in processes]}")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, table.COLLECTIVE_COLUMNS))
    print(f"{ranks} ranks, p2p {int(peer)}: {len(rows)} rows", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="collectives.csv", help="the CSV to write (%(default)s)")
    parser.add_argument("--ranks", nargs="+", type=int, metavar="N",
                        help="GPUs that take part (2, 4, 8 and all that there are)")
    parser.add_argument("--no-host", action="store_true",
                        help="leave out the way through host memory")
    parser.add_argument("--quick", action="store_true", help="few sizes: a try-out")
    options = parser.parse_args()
    gpus = torch.cuda.device_count()
    asked = options.ranks or sorted({ranks for ranks in (2, 4, 8, gpus) if 2 <= ranks <= gpus})
    if gpus < 2 or max(asked) > gpus or min(asked) < 2:
        sys.exit(f"comm.py: collectives take 2 GPUs or more of this machine, which has {gpus}")
    sizes = QUICK_SIZES if options.quick else FULL_SIZES
    fabrics = (True,) if options.no_host else (True, False)
    with tempfile.TemporaryDirectory() as folder:
        rows = [one for peer in fabrics for ranks in asked
                for one in run_world(ranks, peer, sizes, folder)]
    table.write(options.out, "NCCL's times; p2p 1: over peer memory, 0: through host memory.",
                table.source("comm.py"), table.COLLECTIVE_COLUMNS, rows)


if __name__ == "__main__":
    main()
