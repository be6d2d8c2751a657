"""What became of each record that was not simply unchanged."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from operator import itemgetter
from time import monotonic
from typing import Any

import orjson

from shared.model.label import plain
from shared.model.number import whole_number
from shared.model.record import Action, Outcome, Problem
from shared.model.run import Run
from shared.store.runs import stream_of
from shared.store.scoped import Collection, Document, Duplicate

PAGE = 200
AT_ONCE = 500
UNROWED = "m"
FEW = 1000
LONGEST_STRETCH = 16_000
SEARCHED = 4000
"""The longest stretch of a search: what it looks for it does not find by an index."""
PATIENCE = 1.5
"""How many seconds one search looks."""
WRITTEN = (Outcome.SUCCEEDED, Outcome.PARTIAL)
UNSUCCESSFUL = (Outcome.FAILED, Outcome.PARTIAL)
STORED = (Outcome.FAILED, Outcome.PARTIAL, Outcome.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """`changes` holds field -> [before, after], `also` what was sent with them unchanged.

    `label` is what people call it. `row` is 0 where no source row stands behind it.
    """

    row: int
    key: str
    action: Action
    outcome: Outcome
    target_id: str | None
    changes: Mapping[str, Sequence[Any]]
    problems: Sequence[Problem]
    also: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of a run: all of these must be so; what is None does not matter. `code` is of a problem, and
    `field` where that is.

    `text` stands somewhere in its key, its label, its id in the target or a value: however written, small or large.
    """

    outcome: Outcome | None = None
    action: Action | None = None
    code: str | None = None
    key: str | None = None
    text: str | None = None
    field: str | None = None


EVERY = Wanted()


@dataclass(frozen=True, slots=True)
class Looked:
    """Records that were found; `goes_on` is the cursor to look on from, where not all were looked at."""

    records: list[dict[str, Any]]
    goes_on: str = ""


class Records:
    """A record stands under its run and row, and is found by its key in the stream as well."""

    def __init__(self, collection: Collection) -> None:
        self._records = collection

    async def put(self, run: Run, fence: int, results: Sequence[RecordResult]) -> None:
        """Store results. Again for the same record replaces it, unless a higher fence wrote it."""
        documents = [_document(run, fence, result) for result in results]
        for position in await self._records.insert_many(documents):
            document = documents[position]
            try:
                await self._records.replace({"_id": document["_id"], "fence": {"$lte": fence}}, document, upsert=True)
            except Duplicate:
                continue

    async def page(
        self, run: Run, wanted: Wanted = EVERY, *, after: str | None = None, limit: int = PAGE
    ) -> list[dict[str, Any]]:
        """Records in the order of their rows, from behind the cursor `after` (the `cursor` of the last one)."""
        return [_shown(one) for one in (await self._page(run, wanted, after or "", min(limit, PAGE)))[0]]

    async def look(self, run: Run, wanted: Wanted, *, after: str | None, limit: int) -> Looked:
        """The same, but looking no longer than a person waits for."""
        found, goes_on = await self._page(run, wanted, after or "", min(limit, PAGE), monotonic() + PATIENCE)
        return Looked([_shown(one) for one in found], goes_on)

    async def each(self, run: Run, wanted: Wanted = EVERY) -> AsyncIterator[dict[str, Any]]:
        """The same, all of them: as many as there are, a few hundred in memory."""
        after = ""
        while page := (await self._page(run, wanted, after, AT_ONCE))[0]:
            for one in page:
                yield _shown(one)
            after = page[-1]["place"]

    async def _page(
        self, run: Run, wanted: Wanted, after: str, limit: int, until: float = inf
    ) -> tuple[list[Document], str]:
        """The page; and where to go on, where it was not full at that time."""
        if wanted.key is not None:
            return await self._of_key(run, wanted, after), ""
        if wanted.action and run.counts.get(wanted.action.value) == 0:
            return [], ""
        found: list[Document] = []
        for low, high in _stretches(after, limit, run, _longest(wanted)):
            stretch = await self._between(run, wanted, low, high, limit)
            found += [one for one in stretch if _is_wanted(one, wanted)]
            if len(found) >= limit:
                break
            if high and monotonic() >= until:
                return found, high
        return found[:limit], ""

    async def _between(self, run: Run, wanted: Wanted, low: str, high: str, limit: int) -> list[Document]:
        """A stretch, or its first. Each outcome is asked for by itself: so the index gives its records in order."""
        where = {"run": run.id, "place": {"$gt": low, **({"$lte": high} if high else {})}}
        most = 0 if _is_picky(wanted) else limit
        lists = await asyncio.gather(
            *(
                self._records.all({**where, "outcome": one.value}, sort=[("place", 1)], limit=most)
                for one in _outcomes(wanted)
            )
        )
        found = sorted((one for each in lists for one in each), key=itemgetter("place"))
        return found[:most] if most else found

    async def _of_key(self, run: Run, wanted: Wanted, after: str) -> list[Document]:
        """One key has a record for each run that changed it, more only where a source has several rows of it."""
        found = await self._records.all({"stream": stream_of(run), "key": wanted.key})
        mine = (one for one in found if one["run"] == run.id and one["place"] > after and _is_wanted(one, wanted))
        return sorted(mine, key=itemgetter("place"))

    async def written(self, run: Run) -> AsyncIterator[dict[str, Any]]:
        """What the run has changed in the target, record by record; `changes` and `also` as JSON texts."""
        for outcome in WRITTEN:
            async for one in self._records.find({"run": run.id, "outcome": outcome.value}, batch=AT_ONCE):
                if one["changes"] != "{}":
                    about = {name: one[name] for name in ("row", "key", "action", "target_id", "changes")}
                    yield {**about, "also": one.get("also", "{}"), "label": one.get("label", "")}

    async def history(self, stream: str, key: str, most: int) -> list[dict[str, Any]]:
        """What runs of a stream made of the record with this key, newest first: with `run`, `number` and `as_of`."""
        found = await self._records.all({"stream": stream, "key": key}, sort=[("number", -1)], limit=most)
        return [{**_shown(one), **{name: one[name] for name in ("run", "number", "as_of")}} for one in found]

    async def key_of(self, stream: str, target_id: str) -> str:
        """The key under which a stream has written to the record with this id in the target; blank where it has not."""
        found = await self._records.all({"target_id": target_id, "stream": stream}, limit=1)
        return str(found[0]["key"]) if found else ""

    async def streams_of(self, streams: Sequence[str], *, key: str = "", target_id: str = "") -> set[str]:
        """Those of these streams that made something of the record with this key, or else this id in the target."""
        where: Document = {"key": key} if key else {"target_id": target_id}
        where["stream"] = {"$in": list(streams)}
        return {str(one["stream"]) async for one in self._records.find(where, fields=["stream"])}

    async def stored(self, run: Run, records: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those of these records, each by its row and key, of which is known what became of them."""
        ids = {_id(run, row, key): (row, key) for row, key in records}
        return {ids[one["_id"]] for one in await self._records.with_ids(list(ids))}

    async def became(self, run: Run, records: Sequence[tuple[int, str]]) -> list[tuple[Action, Outcome]]:
        """What was done about those of these records of which it is known, in any order."""
        found = await self._records.with_ids([_id(run, row, key) for row, key in records])
        return [(Action(one["action"]), Outcome(one["outcome"])) for one in found]

    async def count(self, run: str, outcome: str) -> int:
        return await self._records.count({"run": run, "outcome": outcome})


def _stretches(after: str, limit: int, run: Run, longest: int) -> Iterator[tuple[str, str]]:
    """From `after` to the end, each four times as long as the one before, but for `longest`; the last is open.

    SecantusDB fetches all that match before it sorts and cuts off: so it is asked for about what a page needs.
    """
    rows = run.counts.get("rows", 0)
    if rows - run.counts.get("unchanged", 0) <= FEW:
        rows = 0
    low, width = after, 4 * limit
    row = whole_number(low, 0)
    while not low.startswith(UNROWED) and row + width < rows:
        row, width, start = row + width, min(4 * width, longest), low
        low = _place(row, "")
        yield start, low
    yield low, ""


def _place(row: int, key: str) -> str:
    """Where a record stands in its run. Those without a row come last."""
    return f"{row:010d}" if row else f"{UNROWED}{key}"


def _id(run: Run, row: int, key: str) -> str:
    return f"{run.id}/{_place(row, key)}"


def _outcomes(wanted: Wanted) -> Sequence[Outcome]:
    """Those under which it can stand. Only what was not wholly successful has problems; what is not sent has failed."""
    if wanted.outcome:
        return [wanted.outcome]
    if wanted.action is Action.NONE:
        return [Outcome.FAILED]
    return UNSUCCESSFUL if wanted.code or wanted.field else STORED


def _is_picky(wanted: Wanted) -> bool:
    """Whether records are picked out here, and not by an index."""
    return wanted.action is not None or wanted.code is not None or wanted.field is not None or wanted.text is not None


def _longest(wanted: Wanted) -> int:
    if wanted.text is not None:
        return SEARCHED
    return LONGEST_STRETCH if _is_picky(wanted) else sys.maxsize


def has_text(text: str | None, key: str, label: str, target_id: str | None, values: Iterable[Any]) -> bool:
    """Whether a text, or all its words, stand somewhere in what is told of a record."""
    if text is None:
        return True
    told = plain("\n".join(map(str, (key, label, target_id or "", *values))))
    return all(word in told for word in plain(text).split())


def _values(document: Document) -> Iterator[Any]:
    changes = orjson.loads(document["changes"])
    yield from (value for pair in changes.values() for value in pair if value is not None)
    yield from (problem["value"] for problem in document.get("problems", ()))


def _is_wanted(document: Document, wanted: Wanted) -> bool:
    return (
        wanted.outcome in (None, document["outcome"])
        and wanted.action in (None, document["action"])
        and _has_problem(document, wanted)
        and _has_text(document, wanted.text)
    )


def _has_problem(document: Document, wanted: Wanted) -> bool:
    """One problem that is all that is wanted: what else is wrong with the record does not matter."""
    if wanted.code is None and wanted.field is None:
        return True
    return any(
        wanted.code in (None, one["code"]) and wanted.field in (None, one["field"])
        for one in document.get("problems", ())
    )


def _has_text(document: Document, text: str | None) -> bool:
    if text is None:
        return True
    return has_text(text, document["key"], document.get("label", ""), document["target_id"], _values(document))


def _document(run: Run, fence: int, result: RecordResult) -> Document:
    document: Document = {
        "_id": _id(run, result.row, result.key),
        "run": run.id,
        "place": _place(result.row, result.key),
        "row": result.row,
        "stream": stream_of(run),
        "number": run.number,
        "as_of": run.as_of or run.number,
        "key": result.key,
        "action": result.action.value,
        "outcome": result.outcome.value,
        "target_id": result.target_id,
        "changes": orjson.dumps(result.changes).decode(),
        "at": datetime.now(UTC),
        "fence": fence,
    }
    if result.label:
        document["label"] = result.label
    if result.also:
        document["also"] = orjson.dumps(result.also).decode()
    if result.problems:
        document["problems"] = [problem.as_dict() for problem in result.problems]
    return document


def _shown(document: Document) -> dict[str, Any]:
    return {
        "cursor": document["place"],
        "row": document["row"] or None,
        "key": document["key"],
        "label": document.get("label", ""),
        "action": document["action"],
        "outcome": document["outcome"],
        "target_id": document["target_id"],
        "changes": orjson.loads(document["changes"]),
        "problems": document.get("problems", []),
        "at": document["at"],
    }
