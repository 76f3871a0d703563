#!/usr/bin/python3
"""Does the simulator's library keep no state at file scope, and do no input and output?

usage: test_library.py LIBSIM.A

Data, bss, thread-local and common symbols are faults. Tables of pointers that the loader
relocates and then write-protects (.data.rel.ro) are constants. What the library needs of others
must be one of a few functions that neither read nor write: anything else is a fault too.
"""
import re
import subprocess
import sys

ALLOWED = re.compile("|".join((
    r"(malloc|calloc|realloc|aligned_alloc|free|madvise)",
    r"(mem|str|stp)[a-z]+",
    r"v?snprintf",
    r"qsort",
    r"(ceil|copysign|exp|exp2|expm1|floor|fmax|fmin|fmod|ldexp|log|log1p|log2|nextafter|pow|round"
    r"|sqrt|trunc)",
    r"gsl_(ran|rng)_(?!f(read|write)|print)[a-z0-9_]+",
    r"__assert_fail",  # says which of our own promises is broken, and ends the program
    r"_GLOBAL_OFFSET_TABLE_|__[a-z]+[dt]i[df]f|__[a-z]+ti3",  # the compiler's own
)))


def symbols(sysv_listing):
    """Name, class and section of the symbols that a listing of `nm --format=sysv` shows."""
    for line in sysv_listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[0] != "Name":
            yield columns[0], columns[2], columns[6]


def faults_of(sysv_listing):
    """The data in writable sections, and what is needed of others and may read or write."""
    defined = {name for name, kind, _ in symbols(sysv_listing) if kind != "U"}
    for name, kind, section in symbols(sysv_listing):
        if kind in "bBdDC" and not section.startswith(".data.rel.ro"):
            yield f"mutable at file scope: {name} in {section}"
        if kind == "U" and name not in defined and not ALLOWED.fullmatch(name):
            yield f"may be input or output: {name}"


def self_test():
    """The check itself must be able to fail: by a counter, by what prints and by what reads a
    file, not by a constant table, and not by what another file of the library has."""
    listing = ("Name|Value|Class|Type|Size|Line|Section\n"
               "calls|0|b|OBJECT|4||.bss\n"
               "names|0|d|OBJECT|32||.data.rel.ro.local\n"
               "error_set|0|T|FUNC|40||.text\n"
               "error_set||U|NOTYPE|||*UND*\n"
               "snprintf||U|NOTYPE|||*UND*\n"
               "gsl_ran_gamma||U|NOTYPE|||*UND*\n"
               "puts||U|NOTYPE|||*UND*\n"
               "gsl_rng_fread||U|NOTYPE|||*UND*\n")
    assert list(faults_of(listing)) == ["mutable at file scope: calls in .bss",
                                        "may be input or output: puts",
                                        "may be input or output: gsl_rng_fread"]


def main():
    self_test()
    # Of what is optimised as the program is linked, nm would ask the compiler's plugin, which tells
    # neither of static data nor of functions that the compiler knows, printf() among them.
    listing = subprocess.run(["nm", "--plugin=/dev/null", "--format=sysv", sys.argv[1]], check=True,
                             capture_output=True, text=True).stdout
    kinds = {(name, kind) for name, kind, _ in symbols(listing)}
    assert {("error_set", "T"), ("snprintf", "U")} <= kinds, "nm shows nothing of the library"
    faults = sorted(set(faults_of(listing)))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
