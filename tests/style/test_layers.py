#!/usr/bin/python3
"""Does every file in sim/ include only its own layer and lower ones, by plain name?

usage: test_layers.py SIM_FOLDER
"""
import re
import sys
from pathlib import Path

LAYERS = [
    "base crossings error warning arena heap rng dtype cost_grid cost_stack cost_sum surface",
    "engine recorder rows session diary",
    "gpu power link cluster topology topology_place topology_route flow flow_group flow_network flow_share transfer",
    "model sharding exchange layout kv_way kv_cut compute compute_grids kernel_roofline kernel_table kernel_work collective"
    " collective_group collective_plan collective_table collective_way measured host serving memory summary"
    " quantiles",
    "request workload lane kv_cache prefix_cache seen_shapes batcher batcher_parts batcher_pick link_meter kv_meter"
    " link_sharing",
    "group_cost group_links step_cost step_work step_items fullness crowding accounting pipeline shared_visit pipeline_events flight laps decode_run"
    " replica replica_parts replica_run router",
    "scenario deployment pool handover handover_parts kv_move fleet fleet_build fleet_parts faults tally simulation summarize summarize_links"
    " recommend layout_warnings run_warnings",
]
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names.split()}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_faults(files):
    """Says, for each of our files, what its includes break. `files`: name to text."""
    for name, text in sorted(files.items()):
        module = Path(name).stem
        if module not in LAYER_OF:
            yield f"sim/{name}: in no layer; give it one in {Path(__file__).name}"
            continue
        for bracket, included in INCLUDE.findall(text):
            ours = included if included in files else None
            if bracket == "<" and ours is None:
                continue
            if bracket == "<" or ours is None:
                yield f'sim/{name}: includes {included}, not a header of sim/ by "name.h"'
                continue
            target = Path(ours).stem
            if LAYER_OF.get(target, 0) > LAYER_OF[module]:
                yield (f"sim/{name} (layer {LAYER_OF[module]}) includes {included} "
                       f"(layer {LAYER_OF[target]})")


def cycle_faults(files):
    """Says which headers include themselves through others."""
    edges = {name: [included for _, included in INCLUDE.findall(text) if included in files]
             for name, text in files.items() if name.endswith(".h")}
    done, path = set(), []

    def visit(name):
        if name in path:
            circle = path[path.index(name):] + [name]
            yield "sim/: headers include each other: " + " > ".join(circle)
        elif name not in done:
            path.append(name)
            for included in edges[name]:
                yield from visit(included)
            path.pop()
            done.add(name)

    for name in sorted(edges):
        yield from visit(name)


def self_test():
    """The check itself must be able to fail, once for each rule."""
    upward = {"base.h": '#include "model.h"\n', "model.h": ""}
    assert any("layer 0" in fault for fault in layer_faults(upward))
    assert any("no layer" in fault for fault in layer_faults({"novel.c": ""}))
    assert any("name.h" in fault for fault in layer_faults({"base.h": '#include "../src/x.h"\n'}))
    assert any("name.h" in fault
               for fault in layer_faults({"gpu.h": "#include <base.h>\n", "base.h": ""}))
    assert any("each other" in fault for fault in cycle_faults(
        {"gpu.h": '#include "link.h"\n', "link.h": '#include "gpu.h"\n'}))
    assert not list(layer_faults({"gpu.h": '#include "base.h"\n#include <math.h>\n', "base.h": ""}))


def main():
    self_test()
    files = {path.name: path.read_text() for path in Path(sys.argv[1]).glob("*.[ch]")}
    assert files, "no files in " + sys.argv[1]
    faults = [*layer_faults(files), *cycle_faults(files)]
    for fault in faults:
        print(fault)
    print(f"{len(files)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
