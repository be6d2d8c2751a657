"""What became of each record that was not simply unchanged."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.model.record import Action, Outcome, Problem
from shared.model.run import Run
from shared.store.runs import stream_of
from shared.store.scoped import Collection, Document, Duplicate

PAGE = 200
AT_ONCE = 500
WRITTEN = (Outcome.SUCCEEDED, Outcome.PARTIAL)
UNSUCCESSFUL = (Outcome.FAILED, Outcome.PARTIAL)
STORED = (Outcome.FAILED, Outcome.PARTIAL, Outcome.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """`changes` holds field -> [before, after], `also` what was sent with them unchanged.

    `row` is 0 where no source row stands behind it.
    """

    row: int
    key: str
    action: Action
    outcome: Outcome
    target_id: str | None
    changes: Mapping[str, Sequence[Any]]
    problems: Sequence[Problem]
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of a run: all of these must be so; what is None does not matter. `code` is of a problem."""

    outcome: Outcome | None = None
    action: Action | None = None
    code: str | None = None
    key: str | None = None


EVERY = Wanted()


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
        where = _where(run, wanted)
        if after is not None:
            where["place"] = {"$gt": after}
        found = await self._records.all(where, sort=[("place", 1)], limit=min(limit, PAGE))
        return [_shown(one) for one in found]

    async def each(self, run: Run, wanted: Wanted = EVERY) -> AsyncIterator[dict[str, Any]]:
        """The same, all of them: as many as there are, a few hundred in memory."""
        async for one in self._records.find(_where(run, wanted), sort=[("place", 1)], batch=AT_ONCE):
            yield _shown(one)

    async def written(self, run: Run) -> AsyncIterator[dict[str, Any]]:
        """What the run has changed in the target, record by record; `changes` and `also` as JSON texts."""
        for outcome in WRITTEN:
            async for one in self._records.find({"run": run.id, "outcome": outcome.value}, batch=AT_ONCE):
                if one["changes"] != "{}":
                    about = {name: one[name] for name in ("row", "key", "action", "target_id", "changes")}
                    yield {**about, "also": one.get("also", "{}")}

    async def history(self, stream: str, key: str, most: int) -> list[dict[str, Any]]:
        """What runs of a stream made of the record with this key, newest first: with `run`, `number` and `as_of`."""
        found = await self._records.all({"stream": stream, "key": key}, sort=[("number", -1)], limit=most)
        return [{**_shown(one), **{name: one[name] for name in ("run", "number", "as_of")}} for one in found]

    async def key_of(self, stream: str, target_id: str) -> str:
        """The key under which a stream has written to the record with this id in the target; blank where it has not."""
        found = await self._records.all({"target_id": target_id, "stream": stream}, limit=1)
        return str(found[0]["key"]) if found else ""

    async def count(self, run: str, outcome: str) -> int:
        return await self._records.count({"run": run, "outcome": outcome})


def _where(run: Run, wanted: Wanted) -> dict[str, Any]:
    """Every outcome is named where none is asked for, so that the same index gives them in the order of the rows."""
    outcomes = [wanted.outcome.value] if wanted.outcome else [one.value for one in STORED]
    where: dict[str, Any] = {"run": run.id, "outcome": outcomes[0] if len(outcomes) == 1 else {"$in": outcomes}}
    if wanted.action is not None:
        where["action"] = wanted.action.value
    if wanted.code is not None:
        where["codes"] = wanted.code
    if wanted.key is not None:
        where |= {"stream": stream_of(run), "key": wanted.key}
    return where


def _document(run: Run, fence: int, result: RecordResult) -> Document:
    place = f"{result.row:010d}" if result.row else f"m{result.key}"
    document: Document = {
        "_id": f"{run.id}/{place}",
        "run": run.id,
        "place": place,
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
    if result.also:
        document["also"] = orjson.dumps(result.also).decode()
    if result.problems:
        document["problems"] = [problem.as_dict() for problem in result.problems]
        document["codes"] = sorted({problem.code for problem in result.problems})
    return document


def _shown(document: Document) -> dict[str, Any]:
    return {
        "cursor": document["place"],
        "row": document["row"] or None,
        "key": document["key"],
        "action": document["action"],
        "outcome": document["outcome"],
        "target_id": document["target_id"],
        "changes": orjson.loads(document["changes"]),
        "problems": document.get("problems", []),
        "at": document["at"],
    }
