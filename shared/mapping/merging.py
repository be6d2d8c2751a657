"""Two people's changes of one draft put together: what only they changed is taken, what both changed stays mine."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.mapping.versions import SET_PLACE, Row, code_place, file_name, pair_place, rows
from shared.model.codes import CodeTableDraft
from shared.model.draft import Draft
from shared.model.export_file import ExportColumn, ExportFile
from shared.model.mapping import FieldMapping

One = TypeVar("One")
Key: TypeAlias = tuple[str, int]
"""A name, and which one of that name it is: what is not finished may have it twice."""
Same: TypeAlias = Callable[[Any, Any], bool]

_ROW: TypeAdapter[Any] = TypeAdapter(FieldMapping)
_COLUMN: TypeAdapter[Any] = TypeAdapter(ExportColumn)
_FILE: TypeAdapter[Any] = TypeAdapter(ExportFile)


@dataclass(frozen=True, slots=True)
class Merged(Generic[One]):
    """`both` are the names that both changed, differently: mine stayed."""

    made: list[One]
    both: frozenset[str]


@dataclass(frozen=True, slots=True)
class TakenOver:
    """`both` are places as `shared.mapping.versions` has them."""

    draft: Draft
    both: frozenset[str]


def take_over(base: Draft, mine: Draft, theirs: Draft) -> TakenOver:
    """My draft with what they have changed since `base`; from now on it begins from theirs."""
    fields = merge(base.fields, mine.fields, theirs.fields, _target, _same(_ROW))
    files, both = _files(base.files, mine.files, theirs.files)
    made = {"fields": fields.made, "files": files, "base": theirs.base}
    return TakenOver(mine.model_copy(update=made), fields.both | both)


def take_over_codes(
    base: CodeTableDraft, mine: CodeTableDraft, theirs: CodeTableDraft
) -> tuple[CodeTableDraft, frozenset[str]]:
    """The same of a code table: code by code, pair by pair."""
    chosen, is_both = _choose(base.enroll_set, mine.enroll_set, theirs.enroll_set, operator.eq)
    codes = merge(base.sis_codes, mine.sis_codes, theirs.sis_codes, code_place)
    pairs = merge(base.pairs, mine.pairs, theirs.pairs, pair_place)
    made = CodeTableDraft(enroll_set=chosen or "", sis_codes=tuple(codes.made), pairs=tuple(pairs.made))
    return made, codes.both | pairs.both | ({SET_PLACE} if is_both else set())


def merge(
    base: Sequence[One],
    mine: Sequence[One],
    theirs: Sequence[One],
    name: Callable[[One], str],
    same: Same = operator.eq,
) -> Merged[One]:
    """Things that have a name. They stand in their order, unless I have moved some; what is new follows what it
    followed."""
    was, here, there = (_keyed(each, name) for each in (base, mine, theirs))
    made, both = dict[Key, One](), set[str]()
    for key in {**was, **here, **there}:
        chosen, is_both = _choose(was.get(key), here.get(key), there.get(key), same)
        if chosen is not None:
            made[key] = chosen
        if is_both:
            both.add(key[0])
    moved = [key for key in here if key in was] != [key for key in was if key in here]
    order = _ordered(made, [here, there] if moved else [there, here])
    return Merged([made[key] for key in order], frozenset(both))


def _choose(base: One | None, mine: One | None, theirs: One | None, same: Same) -> tuple[One | None, bool]:
    """Theirs where I have changed nothing, else mine; and whether both have changed it, differently."""

    def equal(one: One | None, other: One | None) -> bool:
        return one is other if one is None or other is None else same(one, other)

    if equal(mine, theirs) or equal(base, theirs):
        return mine, False
    return (theirs, False) if equal(base, mine) else (mine, True)


def _keyed(things: Sequence[One], name: Callable[[One], str]) -> dict[Key, One]:
    found: dict[Key, One] = {}
    for one in things:
        number = 0
        while (name(one), number) in found:
            number += 1
        found[name(one), number] = one
    return found


def _ordered(made: Mapping[Key, object], orders: Sequence[Mapping[Key, object]]) -> list[Key]:
    first, second = ([key for key in order if key in made] for order in orders)
    found, held = list(first), set(first)
    for at, key in enumerate(second):
        if key not in held:
            found.insert(found.index(second[at - 1]) + 1 if at else 0, key)
            held.add(key)
    return found


def _files(
    base: Sequence[Row], mine: Sequence[Row], theirs: Sequence[Row]
) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """A file is looked at column by column where both have it; where one has removed it, mine stays as a whole."""
    whole = merge(base, mine, theirs, file_name, _same(_FILE))
    old, new = _keyed(base, file_name), _keyed(theirs, file_name)
    made, both = list[dict[str, Any]](), set[str]()
    for key, one in _keyed(whole.made, file_name).items():
        if key[0] in whole.both and key in new:
            file, places = _file(old.get(key, {}), one, new[key])
            made.append(file)
            both |= places
        else:
            made.append(dict(one))
    here = {file_name(one) for one in mine}
    for name in whole.both - ({file_name(one) for one in theirs} & here):
        both |= {place for draft in (base, mine, theirs) for place in _places(draft, name)}
    return made, frozenset(both)


def _file(base: Row, mine: Row, theirs: Row) -> tuple[dict[str, Any], set[str]]:
    """Columns that their headers do not tell apart are one thing: those of one of us."""
    name, same = file_name(mine), _same(_COLUMN)
    old, here, there = (list(each.get("columns", ())) for each in (base, mine, theirs))
    if all(len({_header(column) for column in each} - {""}) == len(each) for each in (old, here, there)):
        merged = merge(old, here, there, _header, same)
        columns, both = merged.made, {f"{name}: {header}" for header in merged.both}
    else:
        chosen, is_both = _choose(old, here, there, operator.eq)
        columns = chosen or []
        both = (
            {place for each in (base, mine, theirs) for place in _places([each], name)} - {name} if is_both else set()
        )
    settings, is_both = _choose(_settings(base), _settings(mine), _settings(theirs), _same(_FILE))
    return {**(settings or {}), "columns": columns}, both | ({name} if is_both else set())


def _settings(file: Row) -> dict[str, Any]:
    return {option: value for option, value in file.items() if option != "columns"}


def _places(files: Sequence[Row], name: str) -> Iterator[str]:
    draft = Draft.model_construct(files=[dict(one) for one in files if one])
    return (place for place, _ in rows(draft) if place.partition(": ")[0] == name)


def _header(column: Row) -> str:
    return str(column.get("header", ""))


def _target(row: Row) -> str:
    return str(row.get("target", ""))


def _same(shape: TypeAdapter[Any]) -> Same:
    """What differs in nothing but options left out says the same."""

    def plain(row: Row) -> Any:
        try:
            return shape.validate_python(
                {"columns": [{"header": "-", "source": "-"}], **row} if shape is _FILE else row
            )
        except ValidationError:
            return row

    return lambda one, other: one == other or plain(one) == plain(other)
