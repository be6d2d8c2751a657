"""The transformations a mapping may name. A new one is a small class in a module here that registers it."""

from importlib import import_module
from pkgutil import iter_modules

from shared.mapping.transformations.registry import (
    Inputs,
    Reader,
    Step,
    ValueProblem,
    described,
    names,
    parse,
    transformation,
)

__all__ = ["Inputs", "Reader", "Step", "ValueProblem", "described", "names", "parse", "transformation"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
