#!/usr/bin/python3
"""Does the search of a plan find what trying everything finds?

    plan_exhaustive.py TANDEM [PLAN.yaml]

Runs the plan twice: as users do, and with --exhaustive, where no bound rules anything out and every
candidate is tried with one replica, two, and so on. Prints both, how long they took, and says
whether they agree: the same plans in the same order, what they cost, measure and stand, and no
candidate ruled out that serves. Exit code 1 where they do not.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(program, plan, *options):
    """The answer of a plan, with its time printed."""
    start_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, "plan", plan, "--json", "--quiet", *options], check=False,
                          stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, TANDEM_DATA_DIR=str(ROOT)))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{' '.join(options) or 'pruned':>12}: {answer['runs']:,} runs in "
          f"{time.monotonic() - start_s:.1f} s, {cpu_s:.1f} s of all cores")
    return answer


def name_of(plan):
    engine = ", ".join(f"{key} {value}" for key, value in plan["engine"].items())
    return (f"{plan.get('replicas', '?')} x TP={plan['tensor_parallel']} x "
            f"PP={plan['pipeline_parallel']} on {plan['kind']} {engine}")


def disagreements(pruned, exhaustive):
    """What the two answers do not agree on, as texts."""
    for place, (ours, theirs) in enumerate(zip(pruned["plans"], exhaustive["plans"]), 1):
        if ours != theirs:
            yield f"place {place}: {name_of(ours)}, exhaustively {name_of(theirs)}"
    if pruned["met"] != exhaustive["met"]:
        yield "only one of them finds anything"
    for ours, theirs in zip(pruned["candidates"], exhaustive["candidates"]):
        if ours["state"] == "ruled_out" and theirs["state"] == "meets":
            yield f"ruled out ({ours['why']}): {name_of(theirs)}"
        if ours["state"] == "meets" and ours["replicas"] != theirs.get("replicas"):
            yield f"{name_of(ours)}, exhaustively {name_of(theirs)}"


def main():
    program = os.path.abspath(sys.argv[1])
    plan = sys.argv[2] if len(sys.argv) > 2 else ROOT / "configs" / "plans" / "70b-chat.yaml"
    pruned, exhaustive = run(program, plan), run(program, plan, "--exhaustive")
    for place, ranked in enumerate(pruned["plans"], 1):
        print(f"{place:>12}. {name_of(ranked)}: {ranked['usd_per_hour']:.2f} USD/h")
    found = list(disagreements(pruned, exhaustive))
    print("\n".join(found) or "they agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
