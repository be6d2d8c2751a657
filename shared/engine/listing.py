"""Decides about every row of a slice that is to stand in an export file. Pure and blocking: runs in a thread."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from shared.engine import blocks
from shared.mapping.export_rows import Cells, CompiledExport
from shared.model.record import Action, Change, Outcome, Problem
from shared.store.buckets import Entries, Entry, label_in
from shared.store.records import RecordResult

REASON = "sis_error"
MAX_REASON = 512
"""What Enroll keeps of the reason why an export failed (facts/product.md, section 10)."""


@dataclass(slots=True)
class Listed:
    """`rows` stand in the files, in their order: `(number, cells of each file)`.

    `changes` are what is new, different or gone since the last export; `ADOPT` where only Enroll is to be told again,
    `NONE` where it is to be told why not (under `sis_error`).
    """

    rows: list[tuple[int, Cells]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    invalid: list[RecordResult] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def list_rows(artifact: bytes, compiled: CompiledExport, states: Mapping[int, Entries]) -> Listed:
    """Every row that can be made stands in the files, whether it has changed or not."""
    result = Listed()
    known = {key: entry for entries in states.values() for key, entry in entries.items()}
    seen: set[str] = set()
    total = repeats = 0
    for block in blocks.unpack(artifact):
        for number, values, *about in block:
            total += 1
            if values is None:
                _refuse(result, number, "", [Problem(**about[0])])
            elif about[0] in seen:
                repeats += 1
            else:
                seen.add(about[0])
                _list(result, compiled, number, values, about[0], known.get(about[0]))
    gone = [key for key in known if key not in seen]
    result.changes += [
        Change(key, Action.MISSING, 0, {}, {}, None, known[key][0], "", label=label_in(known[key])) for key in gone
    ]
    result.rows.sort()
    actions = [one.action for one in result.changes]
    result.counts = {
        "rows": total,
        "create": actions.count(Action.CREATE),
        "update": actions.count(Action.UPDATE),
        "unchanged": len(result.rows) - actions.count(Action.CREATE) - actions.count(Action.UPDATE),
        "invalid": len(result.invalid),
        "duplicate": repeats,
        "missing": len(gone),
        "known": len(known),
        "tell": actions.count(Action.ADOPT) + actions.count(Action.NONE),
        "tell_failed": actions.count(Action.NONE),
    }
    return result


def _list(
    result: Listed, compiled: CompiledExport, number: int, values: list[str], key: str, entry: Entry | None
) -> None:
    cells, problems = compiled.cells(values)
    if cells is None:
        _refuse(result, number, key, problems, compiled.label(values))
        return
    digest = _digest(cells)
    result.rows.append((number, cells))
    if entry is not None and entry[0] == digest:
        if not compiled.is_told(values):
            result.changes.append(Change(key, Action.ADOPT, number, {}, {}, None, digest, ""))
        return
    action = Action.CREATE if entry is None else Action.UPDATE
    label = compiled.label(values)
    result.changes.append(Change(key, action, number, compiled.named(cells), {}, None, digest, "", label=label))


def _refuse(result: Listed, number: int, key: str, problems: Sequence[Problem], label: str = "") -> None:
    result.invalid.append(RecordResult(number, key, Action.NONE, Outcome.FAILED, None, {}, problems, label=label))
    if key:
        result.changes.append(refused(result.invalid[-1]))


def refused(result: RecordResult) -> Change:
    """Nothing is sent; Enroll is told why."""
    return Change(result.key, Action.NONE, result.row, {REASON: reason(result.problems)}, {}, None, "", "")


def reason(problems: Iterable[Problem]) -> str:
    """Why an export failed, in as many characters as Enroll keeps."""
    text = " ".join(f"{one.field or one.column}: {one.message} {one.fix}".strip(": ") for one in problems)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"


def _digest(cells: Cells) -> str:
    return blake2b(orjson.dumps(cells), digest_size=16).hexdigest()
