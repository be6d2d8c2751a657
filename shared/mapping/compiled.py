"""A mapping compiled to one function over the values of a row."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final, TypeAlias

import orjson

from shared.mapping.mark import Mark, marker
from shared.mapping.sources import Column, Columns, RowInputs
from shared.mapping.transformations.registry import ValueProblem, parse
from shared.mapping.values import KEEP, PlainText, ReadValue, among, converter, value_reader
from shared.model.catalog import Catalog, Field, MatchKey
from shared.model.codes import NO_SETS, CodeSets
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.label import label_of
from shared.model.mapping import Direct, DoNotMap, FieldMapping, MappingDraft, MatchCodes, Transformation
from shared.model.moment import Moment
from shared.model.record import Problem

__all__ = ["KEEP", "CompiledMapping", "MappingProblem", "Step", "check_mapping", "compile_mapping", "plan_mapping"]


Label: TypeAlias = Callable[[list[str]], str]

REMEMBERED = 4096
REMEMBERED_CHARS = 100
_UNSEEN: Final = object()


@dataclass(slots=True, frozen=True)
class MappingProblem:
    """What is wrong with row `row` of a mapping (1-based; 0 is the mapping as a whole)."""

    row: int
    target: str
    code: str
    message: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True, frozen=True)
class Step:
    """One mapped field: how to read it, and from which columns of the file."""

    row: int
    field: Field
    read: ReadValue
    columns: tuple[Column, ...]
    lost: tuple[str, ...]
    asked_moment: bool
    plain: PlainText | None = None

    def problem(self, error: ValueProblem, values: list[str]) -> Problem:
        value = ", ".join(values[column.index] for column in self.columns)
        return Problem(
            code=error.code,
            message=error.message,
            fix=error.fix,
            field=self.field.name,
            column=", ".join(column.name for column in self.columns),
            value=value.encode("utf-8", "replace").decode("utf-8"),
        )


class CompiledMapping:
    """One mapping for one set of columns; safe to share between threads.

    `match_key` are its fields, joined by "+"; `key_fields` the same one by one.

    `fields` are in the order of the catalog, so that moving the rows of a mapping about changes no digest.
    `lost_columns` are pairs of a column the file does not have and the field that is not touched for want of it.
    `mark` tells rows apart before they are mapped: the same mark, the same digest. `label` is what people call the
    record of a row, as far as that can be read, and `shown` how Enroll shows its export: blank of everything else.
    """

    __slots__ = (
        "_arrange",
        "_keys",
        "_others",
        "_seed",
        "_steps",
        "_texts",
        "_tried",
        "fields",
        "key_fields",
        "label",
        "lost_columns",
        "mark",
        "match_key",
        "shown",
    )

    def __init__(
        self,
        steps: Sequence[Step],
        match_key: MatchKey,
        mark: Mark,
        lost_columns: tuple[tuple[str, str], ...] = (),
        label: Label = lambda _: "",
    ) -> None:
        self.fields = tuple(step.field.name for step in steps)
        self.key_fields = match_key
        self.match_key = "+".join(match_key)
        self.lost_columns = lost_columns
        self.mark = mark
        self.label = label
        self.shown: Label = lambda _: ""
        self._steps = tuple(steps)
        texts = [step for step in steps if step.plain]
        tried = [step for step in steps if not step.plain and len(step.columns) == 1]
        others = [step for step in steps if not step.plain and len(step.columns) != 1]
        self._texts = tuple((step.plain.place, step.plain.limit, step.read) for step in texts if step.plain)
        self._tried = tuple(_remembering(step) for step in tried)
        self._others = tuple(step.read for step in others)
        self._arrange = _arranger([(*texts, *tried, *others).index(step) for step in steps])
        self._keys = tuple(step.read for name in match_key for step in steps if step.field.name == name)
        self._seed = blake2b(digest_size=10, person=blake2b(orjson.dumps(self.fields), digest_size=16).digest())

    def key(self, values: list[str]) -> str:
        """The record's match key, as `record` has it but always a text; "" when it is blank or bad.

        A key of several fields is a JSON list of texts.
        """
        try:
            parts = [str(read(values)) for read in self._keys]
            key = parts[0] if len(parts) == 1 else orjson.dumps(parts).decode()
        except (ValueProblem, TypeError):  # orjson refuses half a character with a TypeError
            return ""
        return key if _storable(key) else ""

    def record(self, values: list[str]) -> tuple[list[Any] | None, list[Problem]]:
        """The values of one row in the order of `fields`, or what is wrong with it: all of it, not the first alone.

        A blank is `KEEP` (leave the target as it is) or None (clear it). Never raises on any text.
        """
        try:
            # Without a call for each field that is copied, or that has made something of this text before.
            out: list[Any] = [
                text if (text := values[index]) and len(text) <= limit and not text.isspace() else read(values)
                for index, limit, read in self._texts
            ]
            out += [
                value if (value := known.get(values[index], _UNSEEN)) is not _UNSEEN else read(values)
                for index, known, read in self._tried
            ]
            out += [read(values) for read in self._others]
        except ValueProblem:
            return None, self._problems(values)
        if not _storable("".join(values)) and (problems := self._problems(values)):
            return None, problems
        return self._arrange(out), []

    def digest(self, out: list[Any]) -> str:
        """20 characters that differ where the values, or the fields they are for, differ."""
        state = self._seed.copy()
        state.update(orjson.dumps(out))
        return state.hexdigest()

    def values(self, out: list[Any]) -> dict[str, Any]:
        """What to send: field to value, without those that are to be kept."""
        return {field: value for field, value in zip(self.fields, out, strict=True) if value is not KEEP}

    def _problems(self, values: list[str]) -> list[Problem]:
        problems = []
        for step in self._steps:
            try:
                _check_storable(step.read(values))
            except ValueProblem as error:
                problems.append(step.problem(error, values))
        return problems


def _arranger(places: Sequence[int]) -> Callable[[list[Any]], list[Any]]:
    pick = itemgetter(*places)
    return (lambda out: list(pick(out))) if len(places) > 1 else list


def _remembering(step: Step) -> tuple[int, dict[str, Any], ReadValue]:
    """Values repeat from row to row: what one column becomes is worked out once for each text."""
    index, known, read = step.columns[0].index, dict[str, Any](), step.read

    def remember(values: list[str]) -> Any:
        value = read(values)
        if len(values[index]) <= REMEMBERED_CHARS:
            if len(known) >= REMEMBERED:
                known.clear()
            known[values[index]] = value
        return value

    return index, known, remember


def _storable(text: str) -> bool:
    """Whether UTF-8 can hold the text: it cannot where a surrogate stands alone."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_storable(value: Any) -> None:
    if isinstance(value, str | list) and not _storable("".join(value)):
        raise ValueProblem(*said("value.bad_text"))


def check_mapping(draft: MappingDraft, catalog: Catalog) -> list[MappingProblem]:
    """Everything wrong with a mapping that can be told without a file."""
    return _plan(draft, catalog, None, _SOME_MOMENT)[1]


def plan_mapping(
    draft: MappingDraft, catalog: Catalog, columns: Sequence[str], moment: Moment, sets: CodeSets = NO_SETS
) -> tuple[list[Step], list[MappingProblem]]:
    """The rows that can be read from these columns, one step each, and everything wrong with the mapping."""
    steps, problems = _plan(draft, catalog, Columns(columns), moment, sets)
    problems += [_column_missing(step, column) for step in steps for column in step.lost]
    return steps, _by_row(problems)


def compile_mapping(
    draft: MappingDraft, catalog: Catalog, columns: Sequence[str], moment: Moment, sets: CodeSets = NO_SETS
) -> CompiledMapping:
    """The mapping for a file with these columns. Their names match exactly, else but for case and white space.

    A value that is not in the code set of its field is a problem of its record, as far as `sets` are known.

    Raises:
        BadMapping: names every problem by row. A column the file does not have is one only where it feeds the match
            key or a required field; elsewhere it becomes one of `lost_columns`.
    """
    steps, problems = _plan(draft, catalog, Columns(columns), moment, sets)
    filled = {step.field.name for step in steps}
    match_key = catalog.match_key(filled)
    for step in steps:
        if step.field.required or step.field.replaces or step.field.name in match_key:
            problems += [_column_missing(step, column) for column in step.lost]
    if problems:
        raise _bad_mapping(problems, catalog)
    steps += _replaced(catalog, filled)
    order = {name: place for place, name in enumerate(catalog.fields)}
    steps.sort(key=lambda step: order[step.field.name])
    lost = tuple((column, step.field.name) for step in steps for column in step.lost)
    kept = [step for step in steps if not step.lost]
    asked = moment if any(step.asked_moment for step in kept) else None
    mark = marker(draft, [(column.name, column.index) for step in kept for column in step.columns], asked)
    return CompiledMapping(kept, match_key, mark, lost, _labelling(kept, catalog.called))


def _labelling(steps: Sequence[Step], called: Sequence[str]) -> Label:
    readers = [step.read for name in called for step in steps if step.field.name == name]
    return lambda values: label_of(_text(read, values) for read in readers)


def _text(read: ReadValue, values: list[str]) -> str:
    """Blank where there is none, or it is wrong: what is wrong is told elsewhere."""
    try:
        value = read(values)
    except ValueProblem:
        return ""
    return value if isinstance(value, str) else ""


def _replaced(catalog: Catalog, filled: set[str]) -> list[Step]:
    """Fields that are cleared because the mapping fills others of what they replace together."""
    whole = {catalog.fields[name].replaces for name in filled} - {""}
    cleared = [field for field in catalog.fields.values() if field.replaces in whole and field.name not in filled]
    return [Step(0, field, lambda _: None, (), (), False) for field in cleared]


def _column_missing(step: Step, column: str) -> MappingProblem:
    return MappingProblem(
        step.row, step.field.name, *said("mapping.column_missing", column=column, label=step.field.label)
    )


def _bad_mapping(problems: list[MappingProblem], catalog: Catalog) -> BadMapping:
    problems = _by_row(problems)
    codes = {problem.code for problem in problems}
    messages = [
        f"{catalog.label_of(problem.target)}: {problem.message}" if problem.row else problem.message
        for problem in problems
    ]
    fixes = dict.fromkeys(problem.fix for problem in problems if problem.fix)
    return BadMapping(codes.pop() if len(codes) == 1 else "mapping.invalid", " ".join(messages), " ".join(fixes))


def _by_row(problems: list[MappingProblem]) -> list[MappingProblem]:
    return sorted(problems, key=lambda problem: (problem.row == 0, problem.row))


def _plan(
    draft: MappingDraft, catalog: Catalog, columns: Columns | None, moment: Moment, sets: CodeSets = NO_SETS
) -> tuple[list[Step], list[MappingProblem]]:
    problems = _target_problems(draft, catalog)
    rows = {row.target: row for row in draft.fields}
    mapped = {row.target for row in draft.fields if not isinstance(row, DoNotMap)}
    match_key = catalog.match_key(mapped)
    steps: list[Step] = []
    for number, row in enumerate(draft.fields, 1):
        field = catalog.fields.get(row.target)
        if field is None or isinstance(row, DoNotMap):
            continue
        inputs = RowInputs(columns, rows, moment, catalog.label_of)
        try:
            read, plain = _value_reader(row, field, inputs, key=field.name in match_key)
            _check_constants(row, field, inputs, read)
            if not inputs.used and not inputs.lost:
                read = partial(_same, read([]))
            if catalog.is_closed and (codes := sets.get(field.codes)):
                read, plain = among(codes, read), None
        except BadMapping as error:
            problems.append(MappingProblem(number, row.target, error.code, error.message, error.fix))
        else:
            columns_read, lost = dict.fromkeys(inputs.used), dict.fromkeys(inputs.lost)
            steps.append(Step(number, field, read, tuple(columns_read), tuple(lost), inputs.asked_moment, plain))
    return steps, _by_row(problems)


def _value_reader(
    row: FieldMapping, field: Field, inputs: RowInputs, *, key: bool
) -> tuple[ReadValue, PlainText | None]:
    text = inputs.row(row)
    read = value_reader(field, text, row.blank, key=key)
    copied = isinstance(row, Direct) and isinstance(row.source, str) and bool(inputs.used)
    if copied and field.type == "text" and not field.takes and not key:
        return read, PlainText(inputs.used[0].index, field.length or sys.maxsize)
    return read, None


def _same(value: Any, _: list[str]) -> Any:
    return value


def _check_constants(row: FieldMapping, field: Field, inputs: RowInputs, read: ReadValue) -> None:
    """Finds values written in the mapping itself, and forms of transformations, that the field would refuse."""
    try:
        if not inputs.used and not inputs.lost:
            read([])
        if isinstance(row, MatchCodes):
            _check_texts(field, (*row.codes.values(), row.default, row.when_blank))
        if isinstance(row, Transformation):
            _check_texts(field, parse(row.name, row.options).samples())
    except ValueProblem as problem:
        raise BadMapping(*said("mapping.value", label=field.label, message=problem.message)) from None


def _check_texts(field: Field, texts: Iterable[str]) -> None:
    convert = converter(field)
    for text in texts:
        if text.strip():
            _check_storable(text)
            convert(text)


def _target_problems(draft: MappingDraft, catalog: Catalog) -> list[MappingProblem]:
    problems: list[MappingProblem] = []
    first: dict[str, int] = {}
    for number, row in enumerate(draft.fields, 1):
        field = catalog.fields.get(row.target)
        if field is None:
            problems.append(MappingProblem(number, row.target, *said("mapping.target_unknown")))
        elif row.target in first:
            text = said("mapping.target_twice", label=field.label, row=first[row.target])
            problems.append(MappingProblem(number, row.target, *text))
        elif not field.importable and not isinstance(row, DoNotMap):
            problems.append(MappingProblem(number, row.target, *said("mapping.target_not_importable")))
        first.setdefault(row.target, number)
    mapped = {row.target for row in draft.fields if not isinstance(row, DoNotMap)}
    for name, field in catalog.fields.items():
        if field.required and name not in mapped:
            problems.append(MappingProblem(0, name, *said("mapping.required_unmapped", label=field.label)))
    if not catalog.match_key(mapped):
        labels = "; ".join(" and ".join(catalog.fields[name].label for name in key) for key in catalog.match_keys)
        problems.append(MappingProblem(0, "", *said("mapping.no_match_key", labels=labels)))
    return problems


_SOME_MOMENT = Moment(date(2026, 7, 1), 2026)
