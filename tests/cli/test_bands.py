#!/usr/bin/python3
"""tandem run --bands: do the bands hold a run's numbers, and say how its costs are known?"""

import json
import shutil
from pathlib import Path

from tandem_cli import ROOT, SCENARIO, SMALL, TandemTest, main


class Bands(TandemTest):
    def run_on(self, cluster):
        """A light load, so that a slower step shows in every latency."""
        return json.loads(self.tandem_ok("run", SCENARIO, "--bands", "--json", "--quiet", *SMALL,
                                         "--set", f"cluster={cluster}"))

    def test_shares_of_provenance_sum_to_one(self):
        costs = self.run_on("clusters/hgx-h200")["costs"]
        self.assertEqual(list(costs), ["measured", "interpolated", "extrapolated", "estimated"])
        self.assertAlmostEqual(sum(costs.values()), 1, 12)

    def test_numbers_lie_in_their_bands(self):
        summary = self.run_on("clusters/hgx-h200")
        for name in ("ttft_s", "tpot_s", "e2e_s"):
            for percentile in ("p50", "p95"):
                low, high = summary["bands"][name][percentile]
                self.assertLessEqual(low, summary[name][percentile], (name, percentile))
                self.assertGreaterEqual(high, summary[name][percentile], (name, percentile))
                self.assertLess(low, high, (name, percentile))

    def test_bands_scale_the_costs_of_both_pools(self):
        """A band's ends are those of runs with that cost_scale, where one pool decodes, too."""
        arguments = ("run", "scenarios/70b-disaggregated", "--json", "--quiet", *SMALL)
        summary = json.loads(self.tandem_ok(*arguments, "--bands"))
        error = summary["bands"]["cost_error"]
        slow = json.loads(self.tandem_ok(*arguments, "--set", f"run.cost_scale={1 + error!r}"))
        for name in ("ttft_s", "tpot_s", "e2e_s"):
            self.assertEqual(summary["bands"][name]["p50"][1], slow[name]["p50"], name)

    def test_bands_are_of_the_gpu_s_own_residuals(self):
        # The same tables, said to be off three times as much between points: wider bands.
        shipped = ROOT / "configs" / "gpus" / "h200-sxm"
        copy = Path(shutil.copytree(shipped, self.folder / "h200"))
        head, *rows = [line for line in (shipped / "residuals.csv").read_text().splitlines()
                       if not line.startswith("#")]
        rows = [",".join(row.split(",")[:5] + ["0.15", "0.15"] + row.split(",")[7:])
                for row in rows]
        (copy / "residuals.csv").write_text("\n".join([head, *rows]) + "\n")
        errors = [json.loads(self.tandem_ok(
            "run", SCENARIO, "--bands", "--json", "--quiet", *SMALL, "--set",
            "cluster=clusters/hgx-h200", "--set", f"cluster.gpu={folder / 'gpu.yaml'}"))
            ["bands"]["cost_error"] for folder in (shipped, copy)]
        self.assertGreater(errors[1], 1.5 * errors[0])

    def test_bands_are_wider_where_costs_are_estimated(self):
        # Nothing was measured of the H100 PCIe: all of its costs are estimates.
        measured = self.run_on("clusters/hgx-h200")
        estimated = self.run_on("clusters/pcie-h100")
        self.assertAlmostEqual(estimated["costs"]["estimated"], 1, 12)
        self.assertGreater(estimated["bands"]["cost_error"], 3 * measured["bands"]["cost_error"])


if __name__ == "__main__":
    main()
