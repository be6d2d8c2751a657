import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from devtools.asyncapi import PAGE, document, page
from shared.contracts.envelope import Envelope
from shared.contracts.messages import EnrollSyncRequested, Message, RegistrationApproved, RunEnded, every_kind
from shared.contracts.topology import APPROVALS, REQUESTS, Topology, work_key

KINDS = every_kind()


def test_the_file_says_what_the_contracts_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    for reference in _references(whole):
        place: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_what_comes_from_enroll_reaches_who_hears_it_by_its_address() -> None:
    heard: dict[type[Message], str] = {EnrollSyncRequested: REQUESTS, RegistrationApproved: APPROVALS}
    assert {one for one in KINDS if one.EXCHANGE == "enroll.events"} == set(heard)
    for kind in heard:
        address = document()["channels"][kind.__name__]["address"]
        assert [key for key in heard.values() if fnmatchcase(address, key.replace("#", "*"))] == [heard[kind]]


@pytest.mark.parametrize("kind", [one for one in KINDS if one.EXCHANGE == "sync.work"])
def test_work_goes_by_the_key_of_its_lane(kind: type[Message]) -> None:
    address = document()["channels"][kind.__name__]["address"]
    assert address.format(service="exporter", pace="interactive") == work_key("export", "interactive", kind.TYPE)


def test_what_is_told_to_others_is_sent_and_what_they_tell_received() -> None:
    operations = document()["operations"]
    assert operations[f"send{RunEnded.__name__}"]["action"] == "send"
    assert operations[f"receive{RegistrationApproved.__name__}"]["action"] == "receive"
    assert f"receive{RunEnded.__name__}" not in operations


def test_a_message_as_it_is_sent_has_what_the_document_asks_for() -> None:
    counts = {"created": 2}
    ended = RunEnded(
        organization="o", run="r", connection="c", direction="import", data_type="students", state="x", counts=counts
    )
    sent = json.loads(ended.envelope(subject="r").to_json())
    payload = document()["components"]["messages"]["RunEnded"]["payload"]
    assert set(payload["required"]) <= set(sent) <= set(payload["properties"])
    assert payload["properties"]["type"] == {"const": sent["type"]}
    assert set(sent["data"]) == set(document()["components"]["schemas"]["RunEnded"]["properties"])
    Envelope.model_validate(sent)


def test_exchanges_are_those_that_are_declared() -> None:
    declared = {one.name: one.kind for one in Topology().exchanges()}
    for channel in document()["channels"].values():
        exchange = channel["bindings"]["amqp"]["exchange"]
        assert declared[exchange["name"]] == exchange["type"]


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for one in part.values() for found in _references(one)]
    return [found for one in part for found in _references(one)] if isinstance(part, list) else []
