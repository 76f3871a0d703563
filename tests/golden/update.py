#!/usr/bin/python3
"""Rewrites the golden answers with what the program says now.

usage: update.py TANDEM --reason TEXT [NAME]...

Only answers that differ are rewritten; the reason goes to reasons.md beside them, for whoever asks
later why a number moved.
"""

import argparse
import json

import golden


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tandem", help="the program")
    parser.add_argument("--reason", required=True, help="why the answers change, in a sentence")
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios; all without any")
    options = parser.parse_args()
    unknown = set(options.names) - set(golden.names())
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    changed = []
    for name in options.names or golden.names():
        path = golden.expected_path(name)
        now = golden.answer(options.tandem, name)
        before = json.loads(path.read_text()) if path.exists() else None
        if before is not None and not list(golden.differences(before, now)):
            continue
        path.write_text(json.dumps(now, indent=2) + "\n")
        changed.append(name)
    if changed:
        with (golden.HERE / "reasons.md").open("a") as reasons:
            reasons.write(f"- {', '.join(changed)}: {options.reason}\n")
    print(f"{len(changed)} rewritten" + (": " if changed else "") + ", ".join(changed))


if __name__ == "__main__":
    main()
