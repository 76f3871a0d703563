#!/usr/bin/python3
"""Does every number under configs/ that describes the world say where it is from?

usage: test_configs.py CONFIGS_FOLDER

Each file must parse and open with a comment. In models, gpus, clusters, engines, sweeps and plans,
each line that sets a number, a list of them or a switch needs a comment on that line that says
something, and each file must name a source or call itself an estimate. A GPU that goes by another's
tables must have power_capping where that one has: the two are of one clock, or none can be compared.
"""
import re
import sys
from pathlib import Path

import yaml

DESCRIPTIONS = ("models", "gpus", "clusters", "engines", "sweeps", "plans")
SETTING = re.compile(r"^\s*(?!name:)[\w.]+:\s*(\d\S*(?: [A-Za-z/]+)?|true|false|\[\d[^]]*\])\s*(#.*)?$")
SOURCE = re.compile(r"source|datasheet|config\.json|measure|specification|technical blog|estimate",
                    re.IGNORECASE)


def faults_of(text, is_description):
    """What is wrong with one file, as texts without its name."""
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as fault:
        yield f" {fault}"
        return
    if not text.startswith("#"):
        yield ": does not open with a comment that says what it is"
    if not is_description:
        return
    if not SOURCE.search(" ".join(re.findall(r"#.*", text))):
        yield ": no comment names a source"
    for number, line in enumerate(text.splitlines(), 1):
        setting = SETTING.match(line)
        if setting and not (setting[2] and len(setting[2]) > 3):
            yield f":{number}: no source beside '{line.strip()}'"


def clock_faults(files):
    """GPUs, of texts by path, that are capped unlike the GPU whose tables they go by."""
    gpus = {path.parent.resolve(): yaml.safe_load(text) for path, text in files.items()}
    for folder, gpu in gpus.items():
        other = (folder / gpu.get("measured", ".")).resolve()
        if ("power_capping" in gpu) != ("power_capping" in gpus[other]):
            yield f"{folder}: power_capping is given here or in {other.name}, not in both"


def self_test():
    """The check itself must be able to fail, once for each rule."""
    assert list(faults_of("# GPU. Source: a datasheet.\npower: 700 W  # datasheet\n", True)) == []
    assert list(faults_of("# GPU. Source: a datasheet.\npower: 700 W\n", True))
    assert list(faults_of("# GPU.\npower: 700 W  # because\n", True))
    assert list(faults_of("power: 700 W  # datasheet\n", True))
    assert list(faults_of("# GPU. Source: a datasheet.\npower: [\n", True))
    tables, other = Path("a/gpu.yaml"), Path("b/gpu.yaml")
    assert not list(clock_faults({tables: "measured: .", other: "measured: ../a"}))
    assert list(clock_faults({tables: "power_capping: {}", other: "measured: ../a"}))


def main():
    self_test()
    root = Path(sys.argv[1])
    paths = sorted(root.rglob("*.yaml"))
    assert paths, f"no YAML under {root}"
    faults = []
    for path in paths:
        is_description = path.relative_to(root).parts[0] in DESCRIPTIONS
        faults += [f"{path}{fault}" for fault in faults_of(path.read_text(), is_description)]
    faults += clock_faults({path: path.read_text() for path in root.glob("gpus/*/gpu.yaml")})
    for fault in faults:
        print(fault)
    print(f"{len(paths)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
