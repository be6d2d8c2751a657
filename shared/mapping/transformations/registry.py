"""The registry of transformations: a name in a mapping to a model of its options that compiles to a reader."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.mapping import SOURCE_TAGS, Source
from shared.model.moment import Moment
from shared.model.plain import plain

MAX_RESULT = 200_000
"""Characters that a transformation may make of one value."""

Reader: TypeAlias = Callable[[list[str]], str]
"""From the values of one row to one text. Raises `ValueProblem` and nothing else."""


class Inputs(Protocol):
    """What a transformation may ask for while it is compiled."""

    def read(self, source: Source) -> Reader:
        """The reader of a source. Raises BadMapping where there is no such column, field or transformation."""

    def moment(self) -> Moment:
        """The day and the school year of the run. Whoever asks makes the mapping depend on them."""


class ValueProblem(Exception):
    """One bad value. Caught by the compiled mapping, which knows the field, the column and the value."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fix = fix


def within_limit(text: str) -> str:
    """The text. Raises ValueProblem where it is longer than any field could want."""
    if len(text) > MAX_RESULT:
        raise ValueProblem(*said("result.too_long", max_result=MAX_RESULT))
    return text


class Step(BaseModel, ABC):
    """The options of a transformation. Its docstring, `label` and `blank_gives` are what people read about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: ClassVar[str]
    blank_gives: ClassVar[str]

    @abstractmethod
    def compile(self, inputs: Inputs) -> Reader:
        """The transformation with these options, as one function.

        Raises:
            BadMapping: a source cannot be read.
        """

    def samples(self) -> Iterable[str]:
        """Texts that it may make, where that can be told: a field that refuses one is not the right target."""
        return ()


_steps: dict[str, type[Step]] = {}
_S = TypeVar("_S", bound=type[Step])


def transformation(name: str) -> Callable[[_S], _S]:
    """Registers a `Step` under the name that mappings use."""

    def register(step: _S) -> _S:
        if not (step.__doc__ and step.label and step.blank_gives):
            raise TypeError(f"The transformation {name!r} must say what it does and what blank gives.")
        if name in _steps:
            raise ValueError(f"There are two transformations named {name!r}.")
        _steps[name] = step
        return step

    return register


def described() -> list[dict[str, Any]]:
    """Every transformation as a page shows it. `options` is a JSON schema."""
    return [
        {
            "name": name,
            "label": step.label,
            "description": inspect.getdoc(step) or "",
            "blank": step.blank_gives,
            "options": step.model_json_schema(),
        }
        for name, step in sorted(_steps.items())
    ]


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
        raise BadMapping(*said("mapping.transformation_unknown", name=name, what=", ".join(names())))
    try:
        return step.model_validate(options)
    except ValidationError as error:
        raise BadMapping(*said("mapping.options", name=name, what=_explain(error, step))) from None


def _explain(error: ValidationError, step: type[Step]) -> str:
    """By the names that the options have for people and for programs."""
    titles = {field.alias or name: field.title for name, field in step.model_fields.items() if field.title}
    parts = []
    for detail in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for at, part in enumerate(detail["loc"]) if not at or part not in SOURCE_TAGS)
        title = titles.get(str(detail["loc"][0])) if detail["loc"] else None
        named = f"{title} ({where})" if title else where
        parts.append(f"{named}: {_ended(plain(detail))}" if named else _ended(plain(detail)))
    return " ".join(parts)


def _ended(sentence: str) -> str:
    return sentence.rstrip(".") + "."
