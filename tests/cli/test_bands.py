#!/usr/bin/python3
"""tandem run --bands: do the bands hold a run's numbers, and say how its costs are known?"""

import json

from tandem_cli import SCENARIO, SMALL, TandemTest, main


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

    def test_bands_are_wider_where_costs_are_estimated(self):
        # Nothing was measured of the H100 PCIe: all of its costs are estimates.
        measured = self.run_on("clusters/hgx-h200")
        estimated = self.run_on("clusters/pcie-h100")
        self.assertAlmostEqual(estimated["costs"]["estimated"], 1, 12)
        self.assertGreater(estimated["bands"]["cost_error"], 3 * measured["bands"]["cost_error"])


if __name__ == "__main__":
    main()
