"""Tables of codes: put into a mapping, proposed from two code lists, and checked for codes that nothing maps to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from shared.mapping.compiled import MappingProblem
from shared.mapping.transformations.registry import ValueProblem
from shared.mapping.values import converter
from shared.model.catalog import Catalog, Field
from shared.model.codes import Code, CodePair, CodeSets, CodeTable, CodeTableDraft
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.mapping import FieldMapping, MappingDraft, MatchCodes, Transformation

Draft = TypeVar("Draft", bound=BaseModel)


@dataclass(slots=True, frozen=True)
class CodeReport:
    """What is left over on either side, and pairs that cannot be right.

    `unmapped_*` are codes that no pair names. `unknown_*` are codes in pairs that the side does not have (where its
    codes are known). `second_*` stand in several pairs; only the first pair counts in that direction.
    """

    unmapped_sis: tuple[Code, ...]
    unmapped_enroll: tuple[Code, ...]
    unknown_sis: tuple[str, ...]
    unknown_enroll: tuple[str, ...]
    second_sis: tuple[str, ...]
    second_enroll: tuple[str, ...]


def report(table: CodeTableDraft, enroll: Sequence[Code]) -> CodeReport:
    """`enroll` are the codes of the table's `enroll_set`; empty where they are not known."""
    ours, theirs = [pair.enroll for pair in table.pairs], [pair.sis for pair in table.pairs]
    return CodeReport(
        unmapped_sis=tuple(one for one in table.sis_codes if one.code not in theirs),
        unmapped_enroll=tuple(one for one in enroll if one.code not in ours),
        unknown_sis=_strangers(theirs, table.sis_codes),
        unknown_enroll=_strangers(ours, enroll),
        second_sis=_repeated(theirs),
        second_enroll=_repeated(ours),
    )


def suggest(sis: Sequence[Code], enroll: Sequence[Code]) -> tuple[CodePair, ...]:
    """Pairs that have the same code, or else the same label, capital letters and spaces aside. Nothing is guessed."""
    by_code = {_plain(one.code): one.code for one in reversed(enroll)}
    by_label = {_plain(one.label): one.code for one in reversed(enroll) if one.label.strip()}
    pairs = []
    for one in sis:
        names = [_plain(one.code), _plain(one.label)]
        found = by_code.get(names[0]) or by_label.get(names[1]) or by_label.get(names[0]) or by_code.get(names[1])
        if found is not None:
            pairs.append(CodePair(sis=one.code, enroll=found))
    return tuple(pairs)


def table_names(draft: BaseModel) -> set[str]:
    """The tables that a mapping names, however deep in its transformations."""
    return {one["table"] for one in _matches(draft.model_dump(mode="json"))}


def with_tables(
    draft: Draft, tables: Mapping[str, CodeTable], direction: Literal["import", "export"] = "import"
) -> Draft:
    """The mapping with the codes of the tables it names written into it, and the versions they were taken from.

    Raises:
        BadMapping: there is no such table.
    """
    raw = draft.model_dump(mode="json", by_alias=True)
    for match in _matches(raw):
        table = tables.get(match["table"])
        if table is None:
            known = ", ".join(sorted(tables)) or "none yet"
            raise BadMapping(*said("mapping.table_unknown", what=match["table"], known=known))
        match["codes"] = table.inward() if direction == "import" else table.outward()
        match["table_version"] = table.version
    return type(draft).model_validate(raw)


def code_problems(draft: MappingDraft, catalog: Catalog, sets: CodeSets) -> list[MappingProblem]:
    """Codes written in the mapping that are not in the field's set. A set that is not known allows everything."""
    problems = []
    for number, row in enumerate(draft.fields, 1):
        field = catalog.fields.get(row.target)
        if field is None or field.type in {"list", "json"} or not sets.get(field.codes):
            continue
        allowed = {one.code for one in sets[field.codes]}
        wrong = [text for text in dict.fromkeys(_written(row)) if _as_sent(field, text) not in allowed]
        if wrong:
            shown = ", ".join(repr(one[:50]) for one in wrong[:5])
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            text = said("mapping.code_unknown", label=field.label, codes=shown + more)
            problems.append(MappingProblem(number, row.target, *text))
    return problems


def _matches(raw: Any) -> Iterator[dict[str, Any]]:
    parts: Iterable[Any] = raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ()
    if isinstance(raw, dict) and raw.get("table") and "source" in raw:
        yield raw
    for part in parts:
        yield from _matches(part)


def _written(row: FieldMapping) -> Iterator[str]:
    texts: Iterable[Any] = ()
    if isinstance(row, MatchCodes):
        texts = (*row.codes.values(), row.default, row.when_blank)
    elif isinstance(row, Transformation) and row.name == "match_codes":
        texts = (*row.options.get("codes", {}).values(), row.options.get("default"), row.options.get("when_blank"))
    elif isinstance(row, Transformation) and row.name == "value_input":
        texts = (row.options.get("value"),)
    return (text for text in texts if isinstance(text, str) and text.strip())


def _as_sent(field: Field, text: str) -> str:
    try:
        return str(converter(field)(text))
    except ValueProblem:
        return text


def _strangers(codes: Sequence[str], known: Sequence[Code]) -> tuple[str, ...]:
    names = {one.code for one in known}
    return tuple(dict.fromkeys(code for code in codes if names and code not in names))


def _repeated(codes: Sequence[str]) -> tuple[str, ...]:
    return tuple(code for code, times in Counter(codes).items() if times > 1)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
