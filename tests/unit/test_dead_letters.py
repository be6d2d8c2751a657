"""What an operator sees of a failed message."""

import pytest

from shared.contracts.envelope import Envelope
from shared.engine.dead_letters import shown

OURS = Envelope(id="msg_1", type="sync.slice.apply.v1", data={"run": "run_1"}).model_dump_json()


@pytest.mark.parametrize(
    ("body", "readable"),
    [(OURS, True), ('{"name": "Mara Torres"}', False), ("Mara Torres", False), ("", False), ("{", False)],
)
def test_the_body_of_what_is_no_message_of_ours_is_not_shown(body: str, readable: bool) -> None:
    found = shown({"_id": "msg_1", "body": body, "outbox": ["x"], "state": "waiting"})
    assert found == {"id": "msg_1", "body": body if readable else "", "readable": readable, "state": "waiting"}
