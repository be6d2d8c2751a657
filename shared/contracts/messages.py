"""What the messages say: ids and choices, never rows or personal data (claim check).

A new version of a message is a new class with a new `TYPE`; both are handled until the old one has drained.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Envelope


class Message(BaseModel):
    """Base of all typed message bodies. `EXCHANGE` is where they travel, by the routing key that ends in `TYPE`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    TYPE: ClassVar[str]
    EXCHANGE: ClassVar[Literal["enroll.events", "sync.work", "sync.events"]] = "sync.work"

    def envelope(self, *, id: str | None = None, subject: str | None = None) -> Envelope:
        """Wrap for sending. Give `id` where sending twice must be recognised as one message."""
        given: dict[str, Any] = {} if id is None else {"id": id}
        return Envelope(type=self.TYPE, subject=subject, data=self.model_dump(mode="json"), **given)


class EnrollSyncRequested(Message):
    """Enroll asks for a run on behalf of one of its users."""

    TYPE = "enroll.sync.requested.v1"
    EXCHANGE = "enroll.events"

    organization: str = Field(min_length=1, max_length=100)
    user: str = Field(min_length=1, max_length=100)
    connection: str = Field(min_length=1, max_length=100)
    data_type: str = Field(default="students", max_length=50)
    school_year: int | None = None


class RegistrationApproved(Message):
    """A registration was approved: it is exported at once where a connection does that."""

    TYPE = "enroll.registration.approved.v1"
    EXCHANGE = "enroll.events"

    organization: str = Field(min_length=1, max_length=100)
    registration: str = Field(min_length=1, max_length=100)
    school_year: int
    school_code: str = Field(default="", max_length=20)


class RunMessage(Message):
    """Anything said about one run."""

    organization: str
    run: str


class RunRequested(RunMessage):
    """Begin this run, or leave it waiting behind the active one of its stream."""

    TYPE = "sync.import.requested.v1"


class ExportRequested(RunMessage):
    """As `RunRequested`, for the exporter."""

    TYPE = "sync.export.requested.v1"


class SliceCompare(RunMessage):
    """Work out what one slice of a staged run would change."""

    TYPE = "sync.slice.compare.v1"

    slice: int = Field(ge=0)


class ExportDeliver(RunMessage):
    """Every slice is compared, and nothing stands against the run: make the files and deliver them."""

    TYPE = "sync.export.deliver.v1"


class SliceApply(RunMessage):
    """Send the changes of one slice to the target."""

    TYPE = "sync.slice.apply.v1"

    slice: int = Field(ge=0)


class RunSettle(RunMessage):
    """The run has ended: put the source in order (archive the file) and let the next run of the stream begin."""

    TYPE = "sync.run.settle.v1"


class RunEnded(RunMessage):
    """How a run ended, for Enroll and others."""

    TYPE = "sync.run.ended.v1"
    EXCHANGE = "sync.events"

    connection: str
    direction: str
    data_type: str
    state: str
    counts: dict[str, int]


def contract_of(type: str) -> type[Message] | None:
    """The class of the messages of this type; None where there is none."""
    return next((one for one in every_kind() if type == one.TYPE), None)


def every_kind() -> list[type[Message]]:
    """The class of each type of message, those of Enroll first."""
    return [one for one in _kinds(Message) if "TYPE" in vars(one)]


def _kinds(base: type[Message]) -> Iterator[type[Message]]:
    for one in base.__subclasses__():
        yield one
        yield from _kinds(one)
