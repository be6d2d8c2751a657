"""An earlier run as a source of another one, as far as all such sources are alike."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from shared.model.ports import SourceInfo
from shared.model.run import Run
from shared.store.database import OrgStore


class EarlierRun:
    """`shared.model.ports.Source`, but for `batches`: the columns and the name are those of the earlier run."""

    def __init__(self, org: OrgStore, earlier: Run) -> None:
        self._org = org
        self._earlier = earlier

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    @property
    def info(self) -> SourceInfo:
        stage = self._earlier.stage
        return SourceInfo(tuple(stage["columns"]), str(stage.get("name", "")), 0, "")

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""
