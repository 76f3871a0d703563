#!/usr/bin/python3
"""What if the memory, the tensor cores or the links were faster than those that were measured?"""

import json

import h5py

from tandem_cli import TandemTest, main

# 64 requests at a time on two H100s: steps of prompts that the tensor cores bound, and of decodes
# that the memory does.
SCENARIO = """\
name: what-if
model: models/llama-3.1-8b
cluster: clusters/hgx-h100
layout: {tensor_parallel: 2}
engine: {max_step_tokens: 2048, max_sequences: 256, host: engines/cuda-graphs}
workload:
  arrivals: {process: closed_loop, concurrency: 64}
  requests: 200
  input_tokens: 1000
  output_tokens: 100
run: {seed: 1, warmup: 0 s}
"""


class WhatIf(TandemTest):
    def setUp(self):
        super().setUp()
        self.scenario = self.folder / "what-if.yaml"
        self.scenario.write_text(SCENARIO, encoding="utf-8")

    def summary(self, *sets, scenario=None, options=()):
        arguments = [argument for one in sets for argument in ("--set", one)]
        return json.loads(self.tandem_ok("run", scenario or self.scenario, "--quiet", "--json",
                                         *options, *arguments))

    def seconds(self, *sets):
        return self.summary(*sets)["duration_s"]

    def test_figures_of_a_measured_gpu_count(self):
        usual = self.summary()
        for key, slow in (("memory_bandwidth", "335 GB/s"), ("peak.bf16", "99 TFLOP/s")):
            slower = self.summary(f"cluster.gpu.{key}={slow}")
            self.assertGreater(slower["duration_s"], 2 * usual["duration_s"], key)
            self.assertGreater(slower["costs"]["estimated"], 0.5, key)
        # What no kernel of the run uses changes nothing, and what is said again neither.
        for same in ("peak.fp8=1 PFLOP/s", "memory_bandwidth=3.35 TB/s"):
            self.assertEqual(self.summary(f"cluster.gpu.{same}")["costs"], usual["costs"], same)
            self.assertEqual(self.seconds(f"cluster.gpu.{same}"), usual["duration_s"], same)

    def test_a_step_reads_its_weights_no_faster_than_the_memory(self):
        # 8 GB of weights on each GPU at 335 GB/s: 24 ms a token, whatever was measured.
        summary = self.summary("cluster.gpu.memory_bandwidth=335 GB/s")
        self.assertGreater(summary["tpot_s"]["p50"], 0.024)

    def test_links_of_measured_collectives_count(self):
        """More bandwidth is never worse, and no step up is larger than the bandwidth's."""
        took = [self.seconds(f"cluster.nvlink.bandwidth={rate} GB/s")
                for rate in (100, 150, 225, 300, 400, 450, 600, 900)]
        for slow, fast in zip(took, took[1:]):
            self.assertGreater(slow, fast)
            self.assertLess(slow / fast, 1.5)

    def test_what_links_have_moves_tokens_gently(self):
        """A link that is f times as good makes a token take at least 1/f of the time and at most all
        of it, around what was measured too: 0.1% of it never matters by more than that."""
        on_hgx = ("cluster=clusters/hgx-h100", "layout.tensor_parallel=8")
        on_pcie = ("cluster=clusters/pcie-h200", "layout.tensor_parallel=4")
        steps = (0.5, 0.9, 0.999, 1, 1.001, 1.1, 2)
        for host in ("cuda-graphs", "vllm-v1"):
            for where, key, usual, unit, sign in (
                    (on_hgx, "nvlink.bandwidth", 450, " GB/s", 1),
                    (on_hgx, "nvlink.efficiency", 0.5, "", 1),
                    (on_hgx, "nvlink.latency", 0.379, " us", -1),
                    (on_hgx, "collective_start", 5.38, " us", -1),
                    (on_hgx, "collective_simple_start", 15.4, " us", -1),
                    (on_pcie, "pcie.bandwidth", 64, " GB/s", 1),
                    (on_pcie, "pcie.efficiency", 0.5, "", 1),
                    (on_pcie, "pcie.latency", 1.04, " us", -1),
                    (on_pcie, "host_staging_factor", 2.1, "", -1)):
                took = [self.summary(*where, f"engine.host=engines/{host}", "workload.requests=64",
                                     f"cluster.{key}={usual * step:.6g}{unit}")["itl_s"]["p50"]
                        for step in steps]
                for before, after, step, step_after in zip(took, took[1:], steps, steps[1:]):
                    better = (before / after)**sign
                    self.assertGreaterEqual(better, 1 - 1e-9, (host, key, step))
                    self.assertLessEqual(better, step_after / step * (1 + 1e-6), (host, key, step))

    def test_as_fast_links_take_as_long(self):
        """Five times the bandwidth at a fifth of the efficiency is the same link."""
        same = ("cluster.nvlink.bandwidth=2250 GB/s", "cluster.nvlink.efficiency=0.1488")
        self.assertAlmostEqual(self.seconds(*same) / self.seconds(), 1, 9)

    def test_the_pcie_link_that_limits_counts(self):
        """Eight L40S wait for the link between their sockets; what was measured on it is not said
        of another."""
        on_l40s = ("cluster=clusters/pcie-l40s", "layout.tensor_parallel=8", "workload.requests=64")
        took = [self.seconds(*on_l40s, f"cluster.inter_socket.bandwidth={rate} GB/s")
                for rate in (50, 100, 200, 400)]
        for slow, fast in zip(took, took[1:]):
            self.assertGreater(slow, 1.3 * fast)
        slots = [self.seconds(*on_l40s, f"cluster.pcie.bandwidth={rate} GB/s") for rate in (24, 64)]
        self.assertLess(abs(slots[0] / slots[1] - 1), 0.05)

    def test_an_engine_attends_with_its_own_kernels(self):
        """vLLM runs FlashAttention-3 where the GPU has it: faster decodes of much KV on an H200 than
        by what else was measured there, and what an H100's times are of anyway."""
        long = ("workload.arrivals.concurrency=8", "workload.requests=8",
                "workload.input_tokens=16384", "engine.max_sequences=8")
        other = "engine.host={base: engines/vllm-v1, prefill_attention: fastest, " \
                "decode_attention: fastest}"
        token_s = {(gpu, host): self.summary(*long, f"cluster=clusters/hgx-{gpu}", host)["tpot_s"]["p50"]
                   for gpu in ("h100", "h200") for host in ("engine.host=engines/vllm-v1", other)}
        flash3 = "engine.host=engines/vllm-v1"
        self.assertEqual(token_s["h100", flash3], token_s["h100", other])
        self.assertLess(token_s["h200", flash3], 0.98 * token_s["h200", other])
        self.assertLess(token_s["h200", flash3], token_s["h100", flash3])

    def test_a_file_run_again_is_the_same_what_if(self):
        """The scenario in a run's file says alone what was simulated."""
        output = self.folder / "out.h5"
        self.summary("cluster.gpu.memory_bandwidth=6.7 TB/s", options=("-o", output))
        again = self.folder / "again.yaml"
        with h5py.File(output) as file:
            again.write_text(file.attrs["scenario"], encoding="utf-8")
        self.assertEqual(self.summary(scenario=again)["duration_s"],
                         self.seconds("cluster.gpu.memory_bandwidth=6.7 TB/s"))


if __name__ == "__main__":
    main()
