"""The transformations a mapping may name. A new one is a small module here, imported below so that it registers."""

from shared.mapping.transformations.date import Date
from shared.mapping.transformations.phone_number import PhoneNumber
from shared.mapping.transformations.registry import Read, Reader, Step, ValueProblem, names, parse, transformation
from shared.mapping.transformations.value_input import ValueInput

__all__ = [
    "Date",
    "PhoneNumber",
    "Read",
    "Reader",
    "Step",
    "ValueInput",
    "ValueProblem",
    "names",
    "parse",
    "transformation",
]
