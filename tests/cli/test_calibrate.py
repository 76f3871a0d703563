#!/usr/bin/python3
"""tandem calibrate: do measurements become a GPU that tandem runs on, and is nonsense refused?"""

import gzip
import json
import os
import subprocess
import unittest
from pathlib import Path

from tandem_cli import ENVIRONMENT, ROOT, TandemTest, main, shown_on_terminal

GPUS = ROOT / "configs" / "gpus"
GPU = """
name: Test-GPU
memory: 80 GB
memory_bandwidth: 2000 GB/s
peak: {bf16: 500 TFLOP/s}
efficiency: {gemm_compute: 0.7, gemm_memory: 0.8, attention_compute: 0.4, attention_memory: 0.7,
             elementwise_memory: 0.8}
kernel_gap: 2 us
"""
KERNELS = "op,m,n,k,time_us\n"
COLLECTIVES = "op,ranks,bytes,p2p,graph,time_us\n"

# What nccl-tests prints of two ranks of one host, the second column of times being in place.
NCCL_TEXT = """# nccl-tests version 2.17.1 nccl-headers=22703 nccl-library=22703
# Collective test starting: all_reduce_perf
# nThread 1 nGpus 2 minBytes 0 maxBytes 33554432 step: 2(factor) warmup iters: 5 iters: 20
#
# Using devices
#  Rank  0 Group  0 Pid   8317 on      host1 device  0 [0000:18:00] NVIDIA H100 80GB HBM3
#  Rank  1 Group  0 Pid   8317 on      host1 device  1 [0000:2a:00] NVIDIA H100 80GB HBM3
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)             (us)  (GB/s)  (GB/s)
           0             0     float     sum      -1     0.15    0.00    0.00       0     0.15    0.00    0.00       0
        1024           256     float     sum      -1     9.50    0.11    0.11       0     9.70    0.11    0.11       0
    33554432       8388608     float     sum      -1   160.20  209.46  209.46       0   161.00  208.41  208.41       0
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 69.8
"""
NCCL_JSON = {
    "version": 2, "args": ["./build/all_gather_perf", "-g", "4"],
    "config": {"nthreads": 1, "ngpus": 4, "devices": [{"rank": 0, "hostname": "host1"}]},
    "results": [{"size": size, "count": 1, "type": "float",
                 "out_of_place": {"time": time_us, "alg_bw": 0.0, "bus_bw": 0.0, "nwrong": 0.0}}
                for size, time_us in ((4096, 9.0), (1 << 24, 90.0))],
}

RTX = """
name: RTX-PRO-6000
memory: 96 GB                # NVIDIA RTX PRO 6000 Blackwell Server Edition datasheet
memory_bandwidth: 1597 GB/s  # the same
peak: {bf16: 504 TFLOP/s}    # the same, dense
efficiency: {gemm_compute: 0.75, gemm_memory: 0.88, attention_compute: 0.5, attention_memory: 0.75,
             elementwise_memory: 0.8}
kernel_gap: 2 us
"""


class CalibrateTest(TandemTest):
    def setUp(self):
        super().setUp()
        self.output = self.folder / "gpu"

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def arguments(self, *inputs, gpu=GPU):
        return ["calibrate", *inputs, "-o", self.output, "--source", "this test",
                "--gpu", self.file("gpu-of-test.yaml", gpu)]

    def assert_refused(self, name, text, message, *options):
        """The file is a configuration error with `message`, and nothing is written."""
        done = self.tandem(*self.arguments(self.file(name, text)), *options)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertFalse(self.output.exists())

    def table(self, name):
        """(comments, header, rows) of a table of the folder."""
        lines = (self.output / name).read_text(encoding="utf-8").splitlines()
        comments = [line for line in lines if line.startswith("#")]
        rest = [line.split(",") for line in lines if not line.startswith("#")]
        return comments, rest[0], [dict(zip(rest[0], row)) for row in rest[1:]]

    def test_shipped_gpu(self):
        """A shipped GPU's own tables make a GPU that costs the same: to the byte, a second time."""
        shipped = GPUS / "h200-sxm"
        report = json.loads(self.tandem_ok(
            *self.arguments(shipped / "kernels.csv", shipped / "collectives.csv",
                            gpu=(shipped / "gpu.yaml").read_text(encoding="utf-8")), "--json"))
        gemm = report["classes"][0]
        self.assertEqual((gemm["op"], gemm["detail"], gemm["samples"]), ("gemm", "bf16", 1297))
        self.assertLess(gemm["sample_error"]["mean"], 0.05)
        self.assertLess(gemm["sample_error"]["p50"], gemm["sample_error"]["p90"])
        again = self.folder / "again"
        self.tandem_ok("calibrate", self.output / "kernels.csv", self.output / "collectives.csv",
                       "--gpu", self.output / "gpu.yaml", "-o", again, "--source", "this test")
        for name in ("gpu.yaml", "kernels.csv", "collectives.csv"):
            self.assertEqual((self.output / name).read_bytes(), (again / name).read_bytes())
        self.assert_costs_as("gpus/h200-sxm")

    def assert_costs_as(self, gpu):
        """A run on the folder's GPU is a run on that one."""
        model = ["--set", "model=models/llama-3.1-8b", "--set", "layout.tensor_parallel=1",
                 "--set", "layout.pipeline_parallel=1", "--set", "workload={arrivals: {process: "
                 "poisson, rate: 8 /s}, requests: 50, input_tokens: 300, output_tokens: 40}"]
        scenario = ROOT / "configs" / "scenarios" / "default.yaml"
        ours, theirs = (json.loads(self.tandem_ok("run", "--quiet", "--json", scenario, *model,
                                                  "--set", f"cluster.gpu={one}"))
                        for one in (self.output / "gpu.yaml", gpu))
        self.assertEqual(ours["tpot_s"], theirs["tpot_s"])
        self.assertEqual(ours["ttft_s"], theirs["ttft_s"])

    def test_folder(self):
        """The folder names its source, line by line, and its gpu.yaml points at the tables."""
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\ngemm,32,4096,4096,31\n")
        arguments = self.arguments(kernels)
        arguments[arguments.index("this test")] = "a lab\non a rainy day"
        text = self.tandem_ok(*arguments)
        self.assertIn("point left out", text)
        comments, header, rows = self.table("kernels.csv")
        self.assertEqual(comments[1:], ["# Source: a lab", "# on a rainy day"])
        self.assertEqual(header, ["op", "dtype", "m", "n", "k", "batch", "heads", "kv_heads",
                                  "q_len", "ctx", "time_us"])
        self.assertEqual([row["time_us"] for row in rows], ["30", "31"])
        self.assertIn("\nmeasured: .", (self.output / "gpu.yaml").read_text(encoding="utf-8"))
        self.assertFalse((self.output / "collectives.csv").exists())

    def test_experts(self):
        """Experts go to a table of their own, which costs runs of mixtures, and has its residuals."""
        experts = "op,m,n,k,experts,top_k,reached,time_us\n" + "".join(
            f"experts,{m},768,2048,128,8,{min(128, 8 * m)},{1200 + m}\n" for m in (1, 16, 256, 2048))
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\n")
        report = self.tandem_ok(*self.arguments(kernels, self.file("experts.csv", experts)))
        self.assertRegex(report, r"experts +bf16 +4 ")
        self.assertEqual([row["op"] for row in self.table("kernels.csv")[2]], ["gemm"])
        _, header, rows = self.table("experts.csv")
        self.assertEqual(header, ["op", "dtype", "m", "n", "k", "experts", "top_k", "ranks",
                                  "reached", "time_us"])
        self.assertEqual([row["m"] for row in rows], ["1", "16", "256", "2048"])
        written = (self.output / "residuals.csv").read_bytes()
        self.assertIn(b"\nexperts,bf16,,,4,", written)
        # A folder's residuals are found anew of both tables.
        self.tandem_ok("calibrate", "--residuals", "-o", self.output)
        self.assertEqual((self.output / "residuals.csv").read_bytes(), written)
        # Experts that take 1,200 us in place of the few hundred that dense GEMMs say make a
        # decode of one request slower in each of 48 layers.
        tpot_s = []
        for tables in ("both", "kernels"):
            if tables == "kernels":
                (self.output / "experts.csv").unlink()
            run = json.loads(self.tandem_ok(
                "run", "--quiet", "--json", ROOT / "configs/scenarios/moe-expert-parallel.yaml",
                "--set", "layout={tensor_parallel: 1}", "--set", "model=models/qwen3-30b-a3b",
                "--set", f"cluster.gpu={self.output / 'gpu.yaml'}", "--set",
                "workload={arrivals: {process: poisson, rate: 1 /s}, requests: 1, input_tokens: 300, "
                "output_tokens: 40}"))
            tpot_s.append(run["tpot_s"]["mean"])
        self.assertGreater(tpot_s[0] - tpot_s[1], 48 * 500e-6)

    def test_residuals(self):
        """How far the tables are off is kept beside them, and can be found anew of a folder."""
        rows = "".join(f"gemm,{m},4096,4096,{30 + m / 64}\n" for m in (1, 16, 64, 512))
        self.tandem_ok(*self.arguments(self.file("kernels.csv", KERNELS + rows)))
        _, header, residuals = self.table("residuals.csv")
        self.assertEqual(header, ["op", "dtype", "p2p", "graph", "points", "point_error",
                                  "shape_error", "noise", "lengths", "fine_share",
                                  "fine_lengths"])
        # Four points of one shape say neither how far off other shapes are nor how smooth.
        self.assertEqual([(row["op"], row["dtype"], row["points"], row["shape_error"], row["noise"])
                          for row in residuals], [("gemm", "bf16", "4", "", "")])
        self.assertGreater(float(residuals[0]["point_error"]), 0)
        written = (self.output / "residuals.csv").read_bytes()
        (self.output / "residuals.csv").unlink()
        tables = (self.output / "kernels.csv").read_bytes()
        self.tandem_ok("calibrate", "--residuals", "-o", self.output)
        self.assertEqual((self.output / "residuals.csv").read_bytes(), written)
        self.assertEqual((self.output / "kernels.csv").read_bytes(), tables)
        # Of the folder are its kernels in fp8, too, in a file of their own.
        in_fp8 = self.output / "kernels_fp8.csv"
        in_fp8.write_text("op,dtype,m,n,k,time_us\n" + rows.replace("gemm", "gemm,fp8"))
        self.tandem_ok("calibrate", "--residuals", "-o", self.output)
        self.assertEqual([(row["op"], row["dtype"], row["points"])
                          for row in self.table("residuals.csv")[2]],
                         [("gemm", "bf16", "4"), ("gemm", "fp8", "4")])
        in_fp8.unlink()
        # A folder without tables, or without a gpu.yaml, is a mistake that is named.
        (self.output / "kernels.csv").unlink()
        done = self.tandem("calibrate", "--residuals", "-o", self.output)
        self.assertEqual(done.returncode, 3)
        self.assertIn("there are no measurements", done.stderr)
        done = self.tandem("calibrate", "--residuals", "-o", self.folder / "none")
        self.assertEqual(done.returncode, 4)
        self.assertIn(f"tandem calibrate: cannot read '{self.folder}/none/gpu.yaml'", done.stderr)

    def test_progress(self):
        """A terminal sees how far it is, for it takes a while; -q, or a pipe, sees nothing."""
        self.output.mkdir()
        self.file("gpu/gpu.yaml", GPU)
        rows = "".join(f"gemm,{m},{n},{k},{40 + m * n * k / 1.5e8}\n" for m in range(16, 1616, 16)
                       for n in (1024, 2048, 4096, 8192) for k in (1024, 4096))
        self.file("gpu/kernels.csv", KERNELS + rows)
        for options in ([], ["-q"]):
            shown = shown_on_terminal(lambda terminal: subprocess.run(
                [self.program, "calibrate", "--residuals", "-o", self.output, *options],
                stdout=subprocess.DEVNULL, stderr=terminal, env=ENVIRONMENT, check=True))
            if options:
                self.assertEqual(shown, "")
            else:
                self.assertRegex(shown, r"\d+% .*points")
                self.assertTrue(shown.endswith("\r\x1b[K"), shown)

    def test_gpu_in_place(self):
        """Without --gpu, the folder's own file is taken, and stays as it is but for `measured`."""
        self.output.mkdir()
        (self.output / "gpu.yaml").write_text(GPU, encoding="utf-8")
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\n")
        for _ in range(2):
            self.tandem_ok("calibrate", kernels, "-o", self.output, "--source", "this test")
            text = (self.output / "gpu.yaml").read_text(encoding="utf-8")
            self.assertTrue(text.startswith(GPU))
            self.assertEqual(text.count("measured: ."), 1)

    def test_nonsense(self):
        """What the hardware cannot do is refused, with its line."""
        # 8,192^3 x 2 FLOPs at 500 TFLOP/s take 2,199 us: 2.3 is ms, and 2,300,000 is ns.
        self.assert_refused("k.csv", KERNELS + "gemm,8192,8192,8192,2300\ngemm,4096,8192,8192,1.2\n",
                            "k.csv:3:21: gemm in 1.20 us: by its datasheet Test-GPU cannot take less "
                            "than 1.10 ms")
        self.assert_refused("k.csv", KERNELS + "gemm,8192,8192,8192,2300000\n", "is the unit right?")
        self.assert_refused("c.csv", COLLECTIVES + "all_reduce,4,1073741824,1,1,4.1\n",
                            "c.csv:2:29: all_reduce of 1.07 GB over 4 ranks in 4.10 us")
        self.assert_refused("c.csv", COLLECTIVES + "all_reduce,4,1024,1,1,0.009\n", "c.csv:2:")
        self.assert_refused("c.csv", COLLECTIVES + "all_reduce,4,1024,1,1,9000000\n", "c.csv:2:")
        for time_us in ("0", "-3", "nan", "inf", "fast", ""):
            self.assert_refused("k.csv", KERNELS + f"gemm,16,4096,4096,{time_us}\n",
                                "k.csv:2:19: 'time_us' must be a positive number")

    def test_duplicates(self):
        """The same point twice is refused, also where it is in two files."""
        row = "gemm,16,4096,4096,30\n"
        first = self.file("first.csv", KERNELS + row)
        second = self.file("second.csv", KERNELS + "gemm,8,4096,4096,30\n" + row)
        done = self.tandem(*self.arguments(first, second))
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"second\.csv:3:19: the same was measured at .*first\.csv:2:19")
        self.assert_refused("c.csv", COLLECTIVES + 2 * "all_reduce,4,1024,1,1,9\n",
                            "c.csv:3:23: the same was measured in line 2")

    def test_duplicates_in_a_folder(self):
        """A run refuses them in a GPU's own tables, too: nobody knows which is meant."""
        self.output.mkdir()
        self.file("gpu/gpu.yaml", GPU + "measured: .\n")
        self.file("gpu/kernels.csv", KERNELS + "gemm,16,4096,4096,30\ngemm,16,4096,4096,60\n")
        done = self.tandem("check", "scenarios/default", "--set",
                           f"cluster={{base: clusters/hgx-h100, gpu: {self.output}/gpu.yaml}}")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("kernels.csv:3:19: the same was measured in line 2", done.stderr)

    def test_compressed(self):
        """A file that is compressed is said to be."""
        path = self.folder / "k.csv.gz"
        path.write_bytes(gzip.compress((KERNELS + "gemm,16,4096,4096,30\n").encode()))
        done = self.tandem(*self.arguments(path))
        self.assertEqual(done.returncode, 3)
        self.assertIn("k.csv.gz: the file is compressed (gzip): unpack it first", done.stderr)

    def test_what_the_folder_had_is_told(self):
        """A table that is written anew, and those of other measurements that stay and count beside
        it, are named; of a folder that had none there is nothing to say."""
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\ngemm,32,4096,4096,31\n")
        collectives = self.file("out.txt", NCCL_TEXT)
        first = self.tandem(*self.arguments(collectives), "--fabric", "peer")
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        (self.output / "collectives_published.csv").write_text(COLLECTIVES, encoding="utf-8")
        second = self.tandem(*self.arguments(collectives, kernels), "--fabric", "peer")
        self.assertEqual(second.stderr,
                         f"note: {self.output}/collectives.csv is replaced\n"
                         f"note: {self.output}/collectives_published.csv stays, and counts beside "
                         "what is written\n")

    def test_a_fabric_that_nobody_told(self):
        """nccl-tests does not say which way its bytes went: what is taken for it is told, unless
        it is given; tandem's own tables say so themselves."""
        told = self.tandem(*self.arguments(self.file("out.txt", NCCL_TEXT)))
        self.assertIn("2 results are taken as if they did,\nand go unused where", told.stderr)
        own = self.file("collectives.csv", COLLECTIVES + "all_reduce,2,1024,0,1,9.5\n")
        self.assertNotIn("nccl-tests", self.tandem(*self.arguments(own)).stderr)

    def test_nccl_text(self):
        """nccl-tests' text: operation, ranks and out-of-place times; no row of 0 bytes."""
        self.tandem_ok(*self.arguments(self.file("out.txt", NCCL_TEXT)), "--fabric", "host")
        _, _, rows = self.table("collectives.csv")
        self.assertEqual([list(row.values()) for row in rows],
                         [["all_reduce", "2", "1024", "0", "1", "9.5"],
                          ["all_reduce", "2", "33554432", "0", "1", "160.2"]])

    def test_nccl_old_text(self):
        """Older versions do not name the collective: the file's name does, or nobody."""
        text = NCCL_TEXT.replace("# Collective test starting: all_reduce_perf\n", "")
        self.assert_refused("out.txt", text, "out.txt:12: which collective? Name the file")
        self.tandem_ok(*self.arguments(self.file("reduce_scatter_perf.txt", text)))
        self.assertEqual(self.table("collectives.csv")[2][0]["op"], "reduce_scatter")

    def test_nccl_json(self):
        """nccl-tests' JSON: 4 ranks of one process, over peer memory."""
        self.tandem_ok(*self.arguments(self.file("out.json", json.dumps(NCCL_JSON))))
        _, _, rows = self.table("collectives.csv")
        self.assertEqual([list(row.values()) for row in rows],
                         [["all_gather", "4", "4096", "1", "1", "9"],
                          ["all_gather", "4", "16777216", "1", "1", "90"]])

    def test_nccl_faults(self):
        """Several hosts, no results, and damaged files are refused."""
        self.assert_refused("out.txt", NCCL_TEXT.replace("host1 device  1", "host2 device  1"),
                            "out.txt:7: ranks on several hosts")
        self.assert_refused("out.txt", NCCL_TEXT.replace("160.20", "N/A"),
                            "out.txt:14: size and time of a result must be numbers")
        self.assert_refused("out.txt", "mpirun: not found\n", "no results of nccl-tests")
        self.assert_refused("out.json", json.dumps(NCCL_JSON)[:-9], "out.json:1: ")
        self.assert_refused("out.json", "{}", "'config' must have devices, nthreads and ngpus")
        broken = dict(NCCL_JSON, results=[{"size": 8, "out_of_place": None}])
        self.assert_refused("out.json", json.dumps(broken), "out.json: result 1: it must have")

    def test_usage(self):
        """What the tables need to be trusted must be said."""
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\n")
        for arguments, message in (
                (["-o", self.output, "--source", "x"], "which measurements"),
                ([kernels, "-o", self.output, "--residuals"], "--residuals is of"),
                (["-o", self.output, "--residuals", "--source", "x"], "--source is for others"),
                ([kernels, "--source", "x"], "where to?"),
                ([kernels, "-o", self.output], "--source must say"),
                ([kernels, "-o", self.output, "--source", "x", "--format", "llmservingsim"],
                 "--model"),
                ([kernels, "-o", self.output, "--source", "x", "--model", "x.yaml"],
                 "--model goes with --format llmservingsim"),
                ([kernels, "-o", self.output, "--source", "x", "--tensor-parallel", "2"],
                 "--tensor-parallel goes with --format llmservingsim"),
                (["-o", self.output, "--residuals", "--tensor-parallel", "1"],
                 "--tensor-parallel goes with --format llmservingsim"),
                ([kernels, "-o", self.output, "--source", "x", "--fabric", "y"], "--fabric is")):
            done = self.tandem("calibrate", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)
        done = self.tandem("calibrate", kernels, "-o", self.output, "--source", "x")
        self.assertEqual(done.returncode, 4)
        self.assertIn("gpu.yaml", done.stderr)
        self.assertEqual(self.tandem(*self.arguments("none.csv")).returncode, 4)
        self.assertIn("usage: tandem calibrate", self.tandem_ok("calibrate", "--help"))

    def test_measured_elsewhere(self):
        """A gpu.yaml whose tables are elsewhere would not use those that are written."""
        kernels = self.file("kernels.csv", KERNELS + "gemm,16,4096,4096,30\n")
        done = self.tandem(*self.arguments(kernels, gpu=GPU + "measured: ../other\n"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("'measured' must be '.'", done.stderr)

    def profile(self, **files):
        """A small profile in LLMServingSim's form."""
        texts = {"dense": "layer,tokens,time_us\nqkv_proj,16,40\nlayernorm,16,4\n"
                          "final_layernorm,16,5\nrotary_emb,16,3\nembedding,16,3\n",
                 "per_sequence": "layer,sequences,time_us\nlm_head,1,700\nsampler,1,25\n",
                 "attention": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
                              "0,0,4,512,10\n128,0,0,0,15\n128,256,0,0,20\n"
                              "128,0,4,512,29\n128,256,4,512,28\n"}
        for name, text in {**texts, **files}.items():
            self.file(f"profile/{name}.csv", text)
        return ["--format", "llmservingsim", "--model", ROOT / "configs/models/llama-3.1-8b.yaml"]

    def test_llmservingsim(self):
        """
        Its layers become kernels of Llama-3.1-8B. 4 decodes beside 128 prompt tokens take 29 us, the
        tokens alone 15: the decodes add 14. The row with a history, and the final norm, are not kept.
        """
        options = self.profile()
        done = self.tandem(*self.arguments(self.folder / "profile"), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 rows that no table has a place for", done.stderr)
        found = {(row["op"], row["m"], row["n"], row["k"], row["batch"], row["heads"],
                  row["kv_heads"], row["q_len"], row["ctx"]): float(row["time_us"])
                 for row in self.table("kernels.csv")[2]}
        self.assertEqual(found, {
            ("gemm", "16", "6144", "4096", "", "", "", "", ""): 40,  # (32 + 2 x 8) x 128 columns
            ("rmsnorm_residual", "16", "4096", "", "", "", "", "", ""): 4,
            ("rope_kv_write", "16", "", "", "", "32", "8", "", ""): 3,
            ("copy", "131072", "", "", "", "", "", "", ""): 3,  # 16 rows of 4,096 x 2 bytes
            ("gemm", "1", "128256", "4096", "", "", "", "", ""): 700,
            ("sample", "1", "128256", "", "", "", "", "", ""): 25,
            ("attn_decode", "", "", "", "4", "32", "8", "", "512"): 10,
            ("attn_decode_beside", "", "", "", "4", "32", "8", "128", "512"): 14,
            ("attn_prefill", "", "", "", "", "32", "8", "128", "128"): 15,
            ("attn_prefill", "", "", "", "", "32", "8", "128", "384"): 20})

    def test_llmservingsim_sharded(self):
        """On two GPUs each has half of the heads."""
        options = self.profile() + ["--tensor-parallel", "2"]
        self.tandem_ok(*self.arguments(self.folder / "profile"), *options)
        self.assertIn("3072", [row["n"] for row in self.table("kernels.csv")[2]])

    def test_llmservingsim_wrong_counts(self):
        """What is no count of GPUs is refused, however it may read as one."""
        options = self.profile()
        for wrong in ("0", "two", "2x", " 2", "+2", "-18446744073709551614", "18446744073709551618"):
            done = self.tandem(*self.arguments(self.folder / "profile"), *options,
                               f"--tensor-parallel={wrong}")
            self.assertEqual(done.returncode, 2, wrong)
            self.assertIn(f"--tensor-parallel is a count of GPUs, not '{wrong}'", done.stderr)

    def test_llmservingsim_faults(self):
        """A file that is not there, or has other columns, is named."""
        options = self.profile(dense="layer,tokens\nqkv_proj,16\n")
        done = self.tandem(*self.arguments(self.folder / "profile"), *options)
        self.assertEqual(done.returncode, 3)
        self.assertIn("dense.csv:1:1: there is no column 'time_us'", done.stderr)
        (self.folder / "profile" / "dense.csv").unlink()
        self.assertEqual(self.tandem(*self.arguments(self.folder / "profile"),
                                     *options).returncode, 4)

    def test_llmservingsim_published(self):
        """The profile of an RTX PRO 6000 that was published becomes a GPU."""
        serving = os.environ.get("TANDEM_PUBLIC_SERVING", "")
        profile = Path(serving) / "vllm_rtxpro6000_llama8b" / "profile" / "tp1"
        if not serving or not profile.is_dir():
            self.skipTest("TANDEM_PUBLIC_SERVING names no folder with vllm_rtxpro6000_llama8b")
        texts = {path.name.split(".")[0]: gzip.open(path, "rt").read()
                 for path in profile.glob("*.csv.gz")}
        options = self.profile(**texts)
        report = json.loads(self.tandem_ok(*self.arguments(self.folder / "profile", gpu=RTX),
                                           *options, "--json"))
        errors = {one["op"]: one["sample_error"]["mean"] for one in report["classes"]}
        # The bars of our own tables: GEMM 4%, attention 5%; here GEMMs of all token counts to 16.
        self.assertLess(errors["gemm"], 0.05)
        self.assertLess(errors["attn_decode"], 0.05)
        self.assertLess(errors["attn_prefill"], 0.05)
        self.assertLess(errors["attn_decode_beside"], 0.05)


if __name__ == "__main__":
    main()
