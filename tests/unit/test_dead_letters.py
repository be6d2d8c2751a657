"""What an operator sees of a failed message."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.messages import RegistrationApproved, SliceApply, contract_of
from shared.engine.dead_letters import shown

AT = datetime(2026, 11, 26, tzinfo=UTC)
DATA: dict[str, Any] = {"organization": "o-1", "run": "run_1", "slice": 3}


def body(type: str = SliceApply.TYPE, **data: Any) -> str:
    return Envelope(id="msg_1", type=type, time=AT, data=data).model_dump_json(exclude_none=True)


def seen(letter: str) -> tuple[str, bool, bool]:
    found = shown({"_id": "msg_1", "body": letter, "outbox": ["x"], "state": "waiting"})
    assert {"id": "msg_1", "state": "waiting"}.items() <= found.items()
    assert "outbox" not in found
    return found["body"], found["readable"], found["whole"]


def test_a_message_of_ours_is_shown_as_far_as_its_contract_goes() -> None:
    assert seen(body(**DATA)) == (body(**DATA), True, True)
    assert seen(body(**DATA, student="Mara Torres")) == (body(**DATA), True, True)


@pytest.mark.parametrize(
    "letter",
    [
        body(run="run_1", student={"name": "Mara Torres"}),
        body("enroll.registration.approved.v1", organization="o-1", name="Mara Torres"),
        body("sync.unheard.of.v9", name="Mara Torres"),
    ],
)
def test_data_that_no_contract_knows_are_not_shown(letter: str) -> None:
    found, readable, whole = seen(letter)
    assert (readable, whole) == (True, False)
    assert "Mara" not in found
    assert '"data":{}' in found


@pytest.mark.parametrize("letter", ['{"name": "Mara Torres"}', "Mara Torres", "", "{"])
def test_the_body_of_what_is_no_message_of_ours_is_not_shown(letter: str) -> None:
    assert seen(letter) == ("", False, False)


def test_every_message_has_a_contract_of_its_own_type() -> None:
    assert contract_of(SliceApply.TYPE) is SliceApply
    assert contract_of(RegistrationApproved.TYPE) is RegistrationApproved
    assert contract_of("") is None
