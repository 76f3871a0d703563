#!/usr/bin/python3
"""Do whole scenarios still say what they said?

usage: test_golden.py TANDEM

A difference is either a defect or a change that was meant: then update.py, with the reason.
"""

import json
import os
import sys
import unittest

import golden


class Golden(unittest.TestCase):
    program = ""

    def test_scenarios(self):
        # Expect every count as it was, and every double to 12 digits.
        self.assertTrue(golden.names())
        for name in golden.names():
            with self.subTest(name):
                expected = json.loads(golden.expected_path(name).read_text())
                found = list(golden.differences(expected, golden.answer(self.program, name)))
                self.assertFalse(found, "\n".join([f"{name} says something else:", *found[:20]]))

    def test_every_expectation_has_its_scenario(self):
        # Expect no answer to a question that nobody asks.
        folder = golden.HERE / "expected"
        self.assertEqual(sorted(path.stem for path in folder.glob("*.json")), golden.names())

    def test_what_each_scenario_is_for(self):
        # Expect the thing that a scenario was written for to happen in it.
        def expected(name):
            return json.loads(golden.expected_path(name).read_text())

        self.assertGreater(expected("preemptions")["requests"]["preemptions"], 0)
        self.assertGreater(expected("prefill-first")["requests"]["rejected"], 0)
        self.assertEqual(expected("pcie")["warnings"][0], "tp_over_pcie")
        self.assertIn("unbalanced_stages", expected("pp")["warnings"])
        self.assertGreater(expected("pp")["stages"][1]["idle"]["imbalance"], 0.1)
        self.assertEqual({stage["replica"] for stage in expected("tp-pp")["stages"]}, {0, 1})

    def test_differences_are_found(self):
        # Expect a count off by one, a double off in the 11th digit, and a key more or less to
        # count as differences, and one off in the 14th digit not to.
        base = {"count": 3, "list": [1.0, {"x": 2}]}
        self.assertEqual(list(golden.differences(base, base)), [])
        near = {"count": 3, "list": [1.0 + 1e-14, {"x": 2}]}
        self.assertEqual(list(golden.differences(base, near)), [])
        for other in ({"count": 4, "list": [1.0, {"x": 2}]},
                      {"count": 3.0, "list": [1.0, {"x": 2}]},
                      {"count": 3, "list": [1.0 + 1e-11, {"x": 2}]},
                      {"count": 3, "list": [1.0]},
                      {"count": 3, "list": [1.0, {"x": 2, "y": 1}]},
                      {"count": 3, "list": [1.0, {}]}):
            self.assertTrue(list(golden.differences(base, other)), other)


if __name__ == "__main__":
    Golden.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
