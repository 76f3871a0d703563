"""Where a scenario's numbers come from: the shipped configs say so in comments beside them.

A results file holds the scenario resolved, every file that it names written out in its place and
without comments. This module finds the files again by the names in them and gives each line back
its comment, provided that the file still holds the same value.
"""

import re
from pathlib import Path

import yaml

CONFIGS = Path(__file__).resolve().parents[1] / "configs"

# Section of the resolved scenario: folder of the files that it is written in.
SECTIONS = {
    "model": "models",
    "cluster": "clusters",
    "cluster.gpu": "gpus",
    "engine.host": "engines",
}

SETTING = re.compile(
    r"^(?P<indent> *)(?P<key>[\w.]+):(?: +(?P<value>[^#]*?))?(?: +# *(?P<comment>.*))?$")


def settings(text):
    """Path, value and comment of each `key: value` in block style."""
    path = []
    for line in text.splitlines():
        match = SETTING.match(line)
        if not match:
            yield None, None, None
            continue
        indent = len(match["indent"])
        path = [(depth, key) for depth, key in path if depth < indent] + [(indent, match["key"])]
        yield ".".join(key for _, key in path), match["value"] or "", match["comment"] or ""


def comments_of(file):
    """Path to value and comment in one config file, those of the file it is based on below it."""
    text = file.read_text(encoding="utf-8")
    base = yaml.safe_load(text).get("base")
    known = comments_of(CONFIGS / f"{base}.yaml") if base else {}
    # A comment on a key that opens a mapping speaks for what is in it.
    for path, value, comment in settings(text):
        if path:
            inherited = known.get(path.rpartition(".")[0], ("", ""))
            known[path] = (value, comment or (inherited[1] if inherited[0] == "" else ""))
    return known


def find_file(folder, name):
    """The shipped file whose `name` is `name`."""
    for file in sorted((CONFIGS / folder).rglob("*.yaml")):
        if f"\nname: {name}\n" in "\n" + file.read_text(encoding="utf-8"):
            return file
    return None


def section_of(path):
    """The innermost section that holds `path`, and the path in it."""
    for section in sorted(SECTIONS, key=len, reverse=True):
        if path.startswith(section + "."):
            return section, path[len(section) + 1 :]
    return None, path


def annotate(scenario):
    """Each line of a Scenario's text, with where its value comes from, or ""."""
    sources = {}
    for section, folder in SECTIONS.items():
        file = find_file(folder, scenario.get(f"{section}.name", ""))
        if file:
            sources[section] = comments_of(file)
    lines = []
    for line, (path, value, _) in zip(scenario.text.splitlines(), settings(scenario.text)):
        section, inner = section_of(path or "")
        known_value, comment = sources.get(section, {}).get(inner, ("", ""))
        lines.append((line, comment if value and known_value == value else ""))
    return lines
