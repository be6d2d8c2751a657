"""What became of each record that was not simply unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.model.record import Action, Outcome, Problem
from shared.store.scoped import Collection, Document, Duplicate

PAGE = 200


@dataclass(frozen=True, slots=True)
class RecordResult:
    """`changes` holds field -> [before, after]. `row` 0 where no source row stands behind it."""

    row: int
    key: str
    action: Action
    outcome: Outcome
    target_id: str | None
    changes: Mapping[str, Sequence[Any]]
    problems: Sequence[Problem]


class Records:
    def __init__(self, collection: Collection) -> None:
        self._records = collection

    async def put(self, run: str, fence: int, results: Sequence[RecordResult]) -> None:
        """Store results. Again for the same record replaces it, unless a higher fence wrote it."""
        documents = [_document(run, fence, result) for result in results]
        for position in await self._records.insert_many(documents):
            document = documents[position]
            try:
                await self._records.replace({"_id": document["_id"], "fence": {"$lte": fence}}, document, upsert=True)
            except Duplicate:
                continue

    async def page(
        self, run: str, *, outcome: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> list[dict[str, Any]]:
        """Records in the order of their rows, from behind the cursor `after` (the `cursor` of the last one)."""
        where: dict[str, Any] = {"run": run}
        if outcome is not None:
            where["outcome"] = outcome
        if after is not None:
            where["place"] = {"$gt": after}
        found = await self._records.all(where, sort=[("place", 1)], limit=min(limit, PAGE))
        return [_shown(one) for one in found]

    async def count(self, run: str, outcome: str) -> int:
        return await self._records.count({"run": run, "outcome": outcome})


def _document(run: str, fence: int, result: RecordResult) -> Document:
    place = f"{result.row:010d}" if result.row else f"m{result.key}"
    document: Document = {
        "_id": f"{run}/{place}",
        "run": run,
        "place": place,
        "row": result.row,
        "key": result.key,
        "action": result.action.value,
        "outcome": result.outcome.value,
        "target_id": result.target_id,
        "changes": orjson.dumps(result.changes).decode(),
        "at": datetime.now(UTC),
        "fence": fence,
    }
    if result.problems:
        document["problems"] = [problem.as_dict() for problem in result.problems]
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
