"""The registry of transformations: a name in a mapping to a model of its options that compiles to a reader."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.model.errors import BadMapping

Reader: TypeAlias = Callable[[list[str]], str]
"""From the values of one row to one text. Raises `ValueProblem` and nothing else."""

Source: TypeAlias = Annotated[str, Field(min_length=1, max_length=500)]
"""Where a transformation reads from: a column of the file."""

Read: TypeAlias = Callable[[Source], Reader]
"""Gives the reader of a source."""


class ValueProblem(Exception):
    """One bad value. Caught by the compiled mapping, which knows the field, the column and the value."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fix = fix


class Step(BaseModel, ABC):
    """The options of a transformation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def compile(self, read: Read) -> Reader:
        """The transformation with these options, as one function."""


_steps: dict[str, type[Step]] = {}
_S = TypeVar("_S", bound=type[Step])


def transformation(name: str) -> Callable[[_S], _S]:
    """Registers a `Step` under the name that mappings use."""

    def register(step: _S) -> _S:
        if name in _steps:
            raise ValueError(f"There are two transformations named {name!r}.")
        _steps[name] = step
        return step

    return register


def names() -> tuple[str, ...]:
    """Every registered transformation."""
    return tuple(sorted(_steps))


def parse(name: str, options: Mapping[str, Any]) -> Step:
    """The transformation `name` with its options checked.

    Raises:
        BadMapping: no such transformation, or its options are wrong.
    """
    step = _steps.get(name)
    if step is None:
        raise BadMapping(
            "mapping.transformation_unknown",
            f"There is no transformation {name!r}.",
            f"Use one of: {', '.join(names())}.",
        )
    try:
        return step.model_validate(options)
    except ValidationError as error:
        raise BadMapping(
            "mapping.options",
            f"The options of {name!r} are wrong: {_explain(error)}",
            "Open Configure on this row and correct them.",
        ) from None


def _explain(error: ValidationError) -> str:
    parts = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in detail["loc"])
        said = detail["msg"].removeprefix("Value error, ").rstrip(".")
        parts.append(f"{where}: {said}." if where else f"{said}.")
    return " ".join(parts)
