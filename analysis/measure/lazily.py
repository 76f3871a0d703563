"""Modules that are imported when they are first used: --help is answered where they are not."""

import importlib
import sys
from pathlib import Path


class Lazily:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        try:
            module = importlib.import_module(self._name)
        except ModuleNotFoundError as missing:
            sys.exit(f"{Path(sys.argv[0]).name}: there is no {missing.name} for this Python; "
                     "analysis/measure/README.md says what the kit needs")
        # Kept, so that what is used between two clocks is looked up once.
        value = getattr(module, attribute)
        setattr(self, attribute, value)
        return value


def lazily(name):
    """A module by its name, which may not be there."""
    return Lazily(name)
