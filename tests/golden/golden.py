"""What golden tests compare: a scenario's answer, less what may differ from run to run.

scenarios/NAME.yaml asks, expected/NAME.json holds the answer: `tandem run --json` without the
version and the wall-clock times, and of the warnings their codes only, for their wording is
nobody's result.
"""

import json
import math
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = dict(os.environ, TANDEM_DATA_DIR=str(HERE.parents[1]))

RELATIVE_TOLERANCE = 1e-12


def names():
    return sorted(path.stem for path in (HERE / "scenarios").glob("*.yaml"))


def expected_path(name):
    return HERE / "expected" / f"{name}.json"


def answer(program, name):
    """What the program says of a scenario now."""
    done = subprocess.run(
        [program, "run", "--quiet", "--json", HERE / "scenarios" / f"{name}.yaml"],
        capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name}: exit code {done.returncode}\n{done.stderr}")
    result = json.loads(done.stdout)
    del result["version"]
    del result["simulation"]["wall_s"], result["simulation"]["requests_per_wall_s"]
    result["warnings"] = [warning["code"] for warning in result["warnings"]]
    return result


def differences(expected, actual, where=""):
    """Where the two differ, as lines: doubles by more than the tolerance, all else at all."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            if key in expected and key in actual:
                yield from differences(expected[key], actual[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}: {'missing' if key in expected else 'new'}"
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (one, other) in enumerate(zip(expected, actual)):
            yield from differences(one, other, f"{where}[{index}]")
    elif isinstance(expected, float) and isinstance(actual, float):
        if not math.isclose(expected, actual, rel_tol=RELATIVE_TOLERANCE):
            yield f"{where}: expected {expected!r}, got {actual!r}"
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{where}: expected {expected!r}, got {actual!r}"
