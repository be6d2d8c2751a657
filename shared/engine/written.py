"""What another run wrote, record by record, as the source of the run that takes it back."""

from collections.abc import AsyncIterator, Sequence

from shared.engine.earlier import EarlierRun
from shared.mapping.mark import UNKNOWN
from shared.model.record import RowBatch

BATCH = 1000


class WrittenRecords(EarlierRun):
    """What the run wrote, with its row numbers."""

    async def batches(self) -> AsyncIterator[RowBatch]:
        rows = []
        async for one in self._org.records.written(self._earlier):
            told = [one["key"], one["action"], one["target_id"] or "", one["changes"], one["also"], one["label"]]
            rows.append((one["row"], told))
            if len(rows) >= BATCH:
                yield RowBatch(rows)
                rows = []
        yield RowBatch(rows)


class WrittenRows:
    """How the rows of `WrittenRecords` are told apart while they are staged."""

    lost_columns: Sequence[tuple[str, str]] = ()

    def key(self, values: list[str]) -> str:
        return values[0]

    def mark(self, values: list[str]) -> str:
        del values
        return UNKNOWN
