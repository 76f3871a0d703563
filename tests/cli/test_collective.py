#!/usr/bin/python3
"""Does `tandem collective` print nccl-tests' table, and say what is wrong with its options?"""

import json
import unittest

from tandem_cli import ROOT, TandemTest, main

H100 = ["--cluster", "clusters/hgx-h100"]


class CollectiveTest(TandemTest):
    def test_table_marks_one_algorithm_a_size(self):
        """Sizes double from 1 kB to below 4 MB, each with one star, beside the legend's."""
        text = self.tandem_ok("collective", "all_reduce", *H100, "--bytes", "1KB:4MB")
        rows = [line.split() for line in text.splitlines()[3:]]
        sizes = sorted({int(row[0]) for row in rows})
        self.assertEqual(sizes, [1000 * 2**i for i in range(12)])
        self.assertEqual(text.count(" * "), len(sizes) + 1)

    def test_json_holds_nccl_tests_columns(self):
        """Bus bandwidth of an all-reduce on 4 GPUs is 2 x 3/4 of its algorithm bandwidth."""
        answer = json.loads(self.tandem_ok("collective", "all-reduce", *H100, "--gpus", "0,2-4",
                                           "--bytes", "64MiB:64MiB", "--json"))
        self.assertEqual(answer["gpus"], [0, 2, 3, 4])
        (size,) = answer["sizes"]
        for one in size["algorithms"]:
            self.assertAlmostEqual(one["algorithm_bytes_per_s"] * one["time_s"], 2**26, 3)
            self.assertAlmostEqual(one["bus_bytes_per_s"] / one["algorithm_bytes_per_s"], 1.5)

    def test_measured_times_go_in_front(self):
        """H100's table has an all-reduce of 16 KiB on 8 GPUs: 18.98 us by NCCL, which it is within
        a tenth of, and has the star; the legend says why. There are none of broadcasts, nor across
        nodes, and then the fastest algorithm that is NCCL's has it, which the legend says: it
        broadcasts round a ring, and reduces by no halving and doubling, which would be faster."""
        sizes = ["--bytes", "16KiB:16KiB"]
        text = self.tandem_ok("collective", "all_reduce", *H100, *sizes)
        self.assertIn("the GPU's measured times go in front", text)
        self.assertNotIn("for want of", text)
        self.assertRegex(text, r"\* measured +1[789]\.\d us .* measured\n")
        self.assertRegex(text, r"  measured custom +\d\.\d+ us")
        self.assertRegex(text, r"  direct +6\.48 us")
        answer = json.loads(self.tandem_ok("collective", "all_reduce", *H100, *sizes, "--json"))
        measured = answer["sizes"][0]["measured"]
        self.assertAlmostEqual(measured["time_s"], 18.98e-6, delta=1.9e-6)
        self.assertEqual(measured["provenance"], "measured")
        self.assertEqual(answer["sizes"][0]["chosen"], "measured")
        for operation, cluster in (("broadcast", "hgx-h100"), ("all_reduce", "hgx-h100-2-nodes")):
            done = ["collective", operation, "--cluster", f"clusters/{cluster}", *sizes]
            self.assertIn("; * is the fastest that NCCL has, for want of measured times",
                          self.tandem_ok(*done))
            (size,) = json.loads(self.tandem_ok(*done, "--json"))["sizes"]
            self.assertIsNone(size["measured"])
            fastest = min((one for one in size["algorithms"]
                           if one["algorithm"] not in ("halving_doubling", "direct")),
                          key=lambda one: one["time_s"])
            self.assertEqual(size["chosen"], fastest["algorithm"])

    def test_every_measured_number_of_ranks_counts(self):
        """Eight L40S reach a tenth of what two do, over the links between sockets, and have times
        of their own: 1 MiB takes 863 us."""
        for gpus in ("0-1", "0-3", "0-7"):
            text = self.tandem_ok("collective", "all_reduce", "--cluster", "clusters/pcie-l40s",
                                  "--gpus", gpus, "--bytes", "1MiB:1MiB")
            self.assertIn("the GPU's measured times go in front", text)
        self.assertRegex(text, r"\* measured +[89]\d\d us .* measured\n")

    def test_shipped_clusters_have_the_links_that_were_measured(self):
        """Not one of the clusters around a measured GPU scales its times for links of its own."""
        clusters = [path for path in (ROOT / "configs" / "clusters").glob("*.yaml")
                    if path.stem not in ("pcie-a100", "pcie-h100", "pcie-rtx-pro-6000")]
        self.assertGreater(len(clusters), 10)
        for path in clusters:
            last = 3 if "h200" in path.stem else 7  # of H200s two and four were measured
            for gpus in ("0-1", f"0-{last}"):
                answer = json.loads(self.tandem_ok("collective", "all_reduce", "--cluster", path,
                                                   "--gpus", gpus, "--bytes", "1MiB:16MiB", "--json"))
                known = {size["measured"]["provenance"] for size in answer["sizes"]}
                self.assertLessEqual(known, {"measured", "interpolated"}, path)

    def test_every_operation_has_an_answer(self):
        """Across two nodes too."""
        for operation in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast",
                          "send_recv"):
            self.tandem_ok("collective", operation, "--cluster", "clusters/hgx-h100-2-nodes",
                           "--bytes", "1MB")

    def test_a_thousand_gpus(self):
        """The larger clusters build, and rails spare an all-to-all the oversubscribed spine."""
        seconds = []
        for cluster in ("h100-1024-rail-optimized", "h100-1024-fat-tree"):
            answer = json.loads(self.tandem_ok("collective", "all_to_all", "--cluster",
                                               f"clusters/{cluster}", "--bytes", "64MB", "--json"))
            self.assertEqual(len(answer["gpus"]), 1024)
            seconds.append(answer["sizes"][0]["algorithms"][0]["time_s"])
        self.assertLess(1.5 * seconds[0], seconds[1])

    def test_wrong_use(self):
        """Exit code 2 and a sentence that names what is wrong; 3 for a cluster that is not there."""
        for arguments, code, text in (
            (["all_reduce"], 2, "which cluster"),
            ([*H100], 2, "which operation"),
            (["all_reduce", "clusters/hgx-h100"], 2, "what is 'clusters/hgx-h100'? A cluster goes"),
            (["all_sum", *H100], 2, "no operation 'all_sum'"),
            (["all_reduce", *H100, "--gpus", "0-8"], 2, "no list of at least two"),
            (["all_reduce", *H100, "--gpus", "3,1"], 2, "no list of at least two"),
            (["all_reduce", *H100, "--bytes", "1GB:1MB"], 2, "do not go up"),
            (["all_reduce", *H100, "--bytes", "much"], 2, "no size"),
            (["all_reduce", *H100, "--bytes", "1:2"], 2, "with its unit"),
            (["all_reduce", "--cluster", "clusters/none"], 3, "no file 'clusters/none'"),
        ):
            done = self.tandem("collective", *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    main()
