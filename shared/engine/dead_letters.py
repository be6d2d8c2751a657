"""What an operator does about failed messages: send them again, or put them aside."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.contracts.envelope import Envelope, Outgoing
from shared.contracts.messages import Message, contract_of
from shared.contracts.topology import Topology
from shared.engine.relay import Relay
from shared.model.errors import NotFound
from shared.store.database import Store
from shared.store.failed import Selection

Deed = Literal["replay", "discard"]
Letter = Mapping[str, Any]
HIDDEN = ("_id", "outbox", "outbox_at")


@dataclass(frozen=True, slots=True)
class Handled:
    """One message: whether it was dealt with, or would be, and why not."""

    letter: Letter
    done: bool
    why_not: str = ""


class DeadLetters:
    """Works across organizations: for operators alone."""

    def __init__(self, store: Store, relay: Relay, topology: Topology) -> None:
        self._store = store
        self._relay = relay
        self._topology = topology

    async def handle(
        self, deed: Deed, selection: Selection, *, by: str, why: str, dry_run: bool = False
    ) -> AsyncIterator[Handled]:
        """Those of the selection that wait, one after the other; with `dry_run` nothing is done."""
        for letter in await self._store.failed.find(selection, limit=0):
            why_not = await self._obstacle(letter) if deed == "replay" else ""
            if why_not or dry_run:
                yield Handled(letter, not why_not, why_not)
                continue
            act = self._replay if deed == "replay" else self._discard
            done = await act(letter, by, why)
            yield Handled(letter, done, "" if done else "somebody else was faster.")

    async def _replay(self, letter: Letter, by: str, why: str) -> bool:
        """Under its own id: what was done already is not done twice."""
        message = self._again(letter)
        if message is None or not await self._store.failed.replay(letter["_id"], message, by=by, why=why):
            return False
        await self._relay.send("failed_messages", letter["_id"], [message])
        return True

    async def _discard(self, letter: Letter, by: str, why: str) -> bool:
        return await self._store.failed.discard(letter["_id"], by=by, why=why)

    async def _obstacle(self, letter: Letter) -> str:
        """Why a message is better not sent again; empty where nothing speaks against it."""
        if self._again(letter) is None:
            return "cannot be read, so it cannot be sent again. Discard it."
        if not letter["org"] or not letter["run"]:
            return ""
        runs = self._store.org(letter["org"]).runs
        try:
            run = await runs.get(letter["run"])
        except NotFound:
            return "its run is not there any more. Discard it."
        if run.ended and not await runs.is_latest(run):
            return f"out of date, a later run than {run.id} has been applied. Discard it."
        return ""

    def _again(self, letter: Letter) -> Outgoing | None:
        """Under the id of the letter, where it came without one of its own."""
        envelope = _envelope(letter)
        if envelope is None:
            return None
        named = envelope if "id" in envelope.model_fields_set else envelope.model_copy(update={"id": letter["_id"]})
        return Outgoing(exchange=self._topology.work, routing_key=letter["routing_key"], envelope=named)


def shown(letter: Letter) -> dict[str, Any]:
    """What an operator sees of it. Of its body that is what the contract of its type knows (`whole`); in all else there
    may be anything, so of another message of ours its envelope is shown alone, and of what is none (not `readable`)
    nothing."""
    about = {key: value for key, value in letter.items() if key not in HIDDEN}
    envelope = _envelope(letter)
    message = _message(envelope) if envelope else None
    body = ""
    if envelope:
        data = message.model_dump(mode="json") if message else {}
        body = envelope.model_copy(update={"data": data}).to_json().decode()
    readable = envelope is not None
    return {"id": letter["_id"], **about, "body": body, "readable": readable, "whole": message is not None}


def _envelope(letter: Letter) -> Envelope | None:
    try:
        return Envelope.model_validate_json(letter["body"])
    except ValueError:
        return None


def _message(envelope: Envelope) -> Message | None:
    contract = contract_of(envelope.type)
    try:
        return contract.model_validate(envelope.data) if contract else None
    except ValueError:
        return None
