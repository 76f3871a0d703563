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
