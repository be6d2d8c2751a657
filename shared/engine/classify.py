"""Decides about every row of a slice from what was last sent. Pure and blocking: runs in a thread."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.engine.blocks import unpack
from shared.mapping.compiled import CompiledMapping
from shared.mapping.mark import UNKNOWN
from shared.model.error_texts import said
from shared.model.record import Action, Change, Outcome, Problem, Values
from shared.store.buckets import Entries, Entry, label_in
from shared.store.records import RecordResult

GONE = 1


@dataclass(slots=True)
class Candidate:
    """A row that differs from what was last sent. `known` says that something was, `was_missing` that it had gone."""

    row: int
    key: str
    values: Values
    digest: str
    mark: str
    known: bool
    was_missing: bool
    target_id: str | None
    label: str = ""


@dataclass(slots=True)
class Classified:
    """`adopted` are unchanged too, but their rows read otherwise than then: the mark is to be renewed.

    `shown` is how Enroll shows the export of those that are looked at, by key.
    """

    candidates: list[Candidate] = field(default_factory=list)
    adopted: list[Change] = field(default_factory=list)
    missing: list[Change] = field(default_factory=list)
    invalid: list[RecordResult] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class _Row:
    number: int
    digest: str
    mark: str
    values: Values
    label: str = ""


def classify(
    artifact: bytes,
    compiled: CompiledMapping,
    states: Mapping[int, Entries],
    *,
    roster: Literal["full", "some"],
    missing_field: str,
) -> Classified:
    """Sort the rows of a slice into unchanged, candidates, invalid, duplicate and missing."""
    result = Classified()
    known = {key: entry for entries in states.values() for key, entry in entries.items()}
    rows, seen = _read(artifact, compiled, known, result)
    _sort_out(rows, known, compiled, result)
    if roster == "full" and missing_field:
        result.missing = [
            _missing(key, entry, missing_field) for key, entry in known.items() if key not in seen and not entry[2]
        ]
    result.counts |= {
        "invalid": len(result.invalid),
        "missing": len(result.missing),
        "known": sum(not entry[2] for entry in known.values()),
    }
    return result


def _missing(key: str, entry: Entry, field: str) -> Change:
    known = (entry[1], entry[0], entry[3])
    return Change(key, Action.MISSING, 0, {field: GONE}, {field: 0}, *known, label=label_in(entry))


def _read(
    artifact: bytes, compiled: CompiledMapping, known: Mapping[str, Entry], result: Classified
) -> tuple[dict[str, list[_Row]], set[str]]:
    """Rows to look at by key, and every key that was seen at all.

    A row with the mark that was last sent is not even mapped, and only counted unless its key comes again.
    """
    rows: dict[str, list[_Row]] = {}
    seen: set[str] = set()
    same: dict[str, int] = {}
    total = 0
    for number, values, *about in _lines(artifact):
        total += 1
        if values is None:
            result.invalid.append(_invalid(number, "", [Problem(**about[0])]))
            continue
        key, mark = about
        entry = known.get(key)
        if entry is not None and _is_same(entry, mark) and not entry[2] and key not in seen:
            same[key] = number
            seen.add(key)
            continue
        seen.add(key)
        if shown := compiled.shown(values):
            result.shown[key] = shown
        out, problems = compiled.record(values)
        if out is None:
            result.invalid.append(_invalid(number, key, problems, compiled.label(values)))
            continue
        if entry is not None and key in same:
            rows[key] = [_Row(same.pop(key), entry[0], entry[3], {})]
        digest = compiled.digest(out)
        held = entry is not None and _is_held(entry, digest)
        row = _Row(number, digest, mark, {}) if held else _read_whole(compiled, number, digest, mark, values, out)
        rows.setdefault(key, []).append(row)
    result.counts |= {"rows": total, "unchanged": len(same)}
    return rows, seen


def _read_whole(
    compiled: CompiledMapping, number: int, digest: str, mark: str, values: list[str], out: list[Any]
) -> _Row:
    return _Row(number, digest, mark, compiled.values(out), compiled.label(values))


def _is_held(entry: Entry, digest: str) -> bool:
    return entry[0] == digest and not entry[2]


def _is_same(entry: Entry, mark: str) -> bool:
    return mark != UNKNOWN and entry[3] == mark


def _lines(artifact: bytes) -> Iterator[list[Any]]:
    for block in unpack(artifact):
        yield from block


def _sort_out(
    rows: Mapping[str, list[_Row]], known: Mapping[str, Entry], compiled: CompiledMapping, result: Classified
) -> None:
    """Make candidates, count exact repeats, and refuse keys whose rows disagree."""
    repeats = 0
    for key, group in rows.items():
        if len({row.digest for row in group}) > 1:
            result.invalid += [
                _invalid(row.number, key, [_disagrees(group, row, compiled.key_fields[0])], row.label) for row in group
            ]
            continue
        repeats += len(group) - 1
        entry, first = known.get(key), group[0]
        if entry is None or not _is_held(entry, first.digest):
            result.candidates.append(_candidate(key, first, entry))
        elif any(_is_same(entry, row.mark) for row in group):
            result.counts["unchanged"] += 1
        else:
            result.adopted.append(Change(key, Action.ADOPT, first.number, {}, {}, entry[1], first.digest, first.mark))
    result.counts["duplicate"] = repeats


def _candidate(key: str, row: _Row, entry: Entry | None) -> Candidate:
    return Candidate(
        row=row.number,
        key=key,
        values=row.values,
        digest=row.digest,
        mark=row.mark,
        known=entry is not None,
        was_missing=bool(entry and entry[2]),
        target_id=entry[1] if entry else None,
        label=row.label,
    )


def _disagrees(group: list[_Row], row: _Row, match_key: str) -> Problem:
    others = ", ".join(str(other.number) for other in group if other.number != row.number)
    return Problem(*said("key.repeated", what=others[:200]), field=match_key)


def _invalid(row: int, key: str, problems: list[Problem], label: str = "") -> RecordResult:
    return RecordResult(row, key, Action.NONE, Outcome.FAILED, None, {}, problems, label=label)
