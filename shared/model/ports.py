"""The two ends of a run. Each port has a suite in `tests/integration/conformance` that every adapter passes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from shared.model.record import Applied, Change, ChangeBatch, Found, Problem, RowBatch, Sought


@dataclass(slots=True, frozen=True)
class SourceInfo:
    """What was pulled: the columns, in order, and facts for the history (size in bytes, SHA-256 in hex, ...).

    `receipt` is what `Source.settle` needs later, in another process: plain JSON values.
    `warnings` are machine-readable signs that the file may be cut short, such as `file.cut_short`.
    """

    columns: tuple[str, ...]
    name: str
    size: int
    sha256: str
    details: Mapping[str, str] = field(default_factory=dict)
    receipt: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """Yields records. Used once: enter, read `info`, iterate `batches`, leave.

    Raises `Transient` or `Permanent` errors of `shared.model.errors` from any method.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def info(self) -> SourceInfo:
        """Known from the moment the source was entered."""

    @property
    def warnings(self) -> Sequence[str]:
        """Complete once `batches` is exhausted."""

    def batches(self) -> AsyncIterator[RowBatch]:
        """A few thousand rows at a time; never the whole source in memory."""

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """After a run that succeeded: archive the file, or nothing. Doing it twice is harmless."""


class Pace(Protocol):
    """How fast an outside system may be called, for all workers together: `interval` seconds apart, 0 for no limit."""

    interval: float

    async def slot(self, patience: float) -> None:
        """Return when it is this caller's turn. Raises Throttled where that is more than `patience` seconds away."""

    async def pause(self, seconds: float) -> None:
        """The system asked to wait: nobody calls before that."""


class Target(Protocol):
    """Applies changes and answers per record."""

    batch_size: int
    concurrency: int
    resumes: bool
    """Whether a creation that was cut off may be applied again as it is, and makes nothing twice."""

    async def look_up(self, sought: Sequence[Sought], fields: Sequence[str]) -> dict[str, Found]:
        """What the target holds of these records (at most `batch_size` of them), by key; absent ones are left out."""

    async def check(self, changes: Sequence[Change]) -> list[Sequence[Problem]]:
        """What stands against each change, without making it; at most `batch_size` of them."""

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        """Send the batch; one answer per change, in the same order.

        A `Permanent` error means the whole call was refused, `Transient` that nobody knows: send the same batch again.
        """

    async def aclose(self) -> None: ...
