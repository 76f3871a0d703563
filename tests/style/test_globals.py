#!/usr/bin/python3
"""Does the simulator's library keep no mutable state at file scope?

usage: test_globals.py LIBSIM.A

Data, bss, thread-local and common symbols are faults. Tables of pointers that the loader
relocates and then write-protects (.data.rel.ro) are constants.
"""
import subprocess
import sys


def mutable_symbols(sysv_listing):
    """The data symbols that a listing of `nm --format=sysv` shows in writable sections."""
    for line in sysv_listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 7 or columns[0] == "Name":
            continue
        name, kind, section = columns[0], columns[2], columns[6]
        if kind in "bBdDC" and not section.startswith(".data.rel.ro"):
            yield f"{name} in {section}"


def self_test():
    """The check itself must be able to fail: one counter is a fault, one constant table none."""
    listing = ("Name|Value|Class|Type|Size|Line|Section\n"
               "calls|0|b|OBJECT|4||.bss\n"
               "names|0|d|OBJECT|32||.data.rel.ro.local\n"
               "error_set|0|T|FUNC|40||.text\n")
    assert list(mutable_symbols(listing)) == ["calls in .bss"]


def main():
    self_test()
    listing = subprocess.run(["nm", "--format=sysv", sys.argv[1]], check=True,
                             capture_output=True, text=True).stdout
    assert "error_set" in listing, "nm shows nothing of the library"
    faults = list(mutable_symbols(listing))
    for fault in faults:
        print("mutable at file scope:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
