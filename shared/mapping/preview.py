"""Mapped Value: what each row of a mapping makes of a few example records, before anything is sent or saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.mapping.compiled import MappingProblem, Step, plan_mapping
from shared.mapping.transformations.registry import ValueProblem
from shared.mapping.values import KEEP
from shared.model.catalog import Catalog
from shared.model.codes import NO_SETS, CodeSets
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

MAX_EXAMPLES = 5


@dataclass(slots=True, frozen=True)
class MappedValue:
    """What became of one example: the values it was made from, and `value` or `problem`.

    `kept` says that the field is left as it is, because the result is blank.
    """

    sources: tuple[str, ...]
    value: Any = None
    kept: bool = False
    problem: dict[str, str] | None = None


@dataclass(slots=True, frozen=True)
class PreviewedField:
    """One row of the mapping (counted from 1), the columns it reads, and its Mapped Value for each example."""

    row: int
    target: str
    label: str
    columns: tuple[str, ...]
    lost_columns: tuple[str, ...]
    examples: tuple[MappedValue, ...]


@dataclass(slots=True, frozen=True)
class Preview:
    """The fields that can be shown, in the order of the mapping, and what is wrong with the mapping."""

    fields: tuple[PreviewedField, ...]
    problems: tuple[MappingProblem, ...]


def preview_mapping(
    draft: MappingDraft,
    catalog: Catalog,
    columns: Sequence[str],
    moment: Moment,
    examples: Sequence[list[str]],
    sets: CodeSets = NO_SETS,
) -> Preview:
    """Never raises on any text: rows of the mapping that cannot be used are among the problems.

    Each example has as many values as there are columns.
    """
    steps, problems = plan_mapping(draft, catalog, columns, moment, sets)
    fields = tuple(
        PreviewedField(
            step.row,
            step.field.name,
            step.field.label,
            tuple(column.name for column in step.columns),
            step.lost,
            tuple(_mapped(step, example) for example in examples),
        )
        for step in sorted(steps, key=lambda step: step.row)
    )
    return Preview(fields, tuple(problems))


def _mapped(step: Step, example: list[str]) -> MappedValue:
    sources = tuple(example[column.index] for column in step.columns)
    try:
        value = step.read(example)
    except ValueProblem as problem:
        return MappedValue(sources, problem=step.problem(problem, example).as_dict())
    return MappedValue(sources, None, kept=True) if value is KEEP else MappedValue(sources, value)
