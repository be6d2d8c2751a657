"""What another run wrote, record by record, as the source of the run that takes it back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from shared.model.ports import SourceInfo
from shared.model.record import RowBatch
from shared.model.run import Run
from shared.store.database import OrgStore

BATCH = 1000


class WrittenRecords:
    """What a run wrote as a source (`shared.model.ports.Source`), with its row numbers and columns."""

    def __init__(self, org: OrgStore, undone: Run) -> None:
        self._org = org
        self._undone = undone

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    @property
    def info(self) -> SourceInfo:
        stage = self._undone.stage
        return SourceInfo(tuple(stage["columns"]), str(stage.get("name", "")), 0, "")

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    async def batches(self) -> AsyncIterator[RowBatch]:
        rows = []
        async for one in self._org.records.written(self._undone):
            rows.append((one["row"], [one["key"], one["action"], one["target_id"] or "", one["changes"], one["also"]]))
            if len(rows) >= BATCH:
                yield RowBatch(rows)
                rows = []
        yield RowBatch(rows)

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""


class WrittenRows:
    """How the rows of `WrittenRecords` are told apart while they are staged."""

    lost_columns: Sequence[tuple[str, str]] = ()

    def key(self, values: list[str]) -> str:
        return values[0]

    def mark(self, values: list[str]) -> str:
        del values
        return ""
