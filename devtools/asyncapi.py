"""Writes docs/asyncapi.json, what goes over the broker, from the contracts: `python -m devtools.asyncapi`."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from shared.contracts.envelope import CONTENT_TYPE, Envelope
from shared.contracts.messages import Message, every_kind
from shared.contracts.topology import Topology, work_key

PAGE = Path(__file__).parent.parent / "docs" / "asyncapi.json"
REF: Final = "#/components/schemas/{model}"
ABOUT: Final = (
    "Messages carry ids and choices, never rows or personal data. An attribute that is not known is ignored; a type "
    "that is not known becomes a dead letter. Every message may come again: its id tells. Made by `make docs` from "
    "shared/contracts."
)
LANES: Final = {
    "service": {"description": "Who takes it: the lane's name begins with it.", "enum": ["importer", "exporter"]},
    "pace": {"description": "The lane: what a person waits for, or the night's bulk.", "enum": ["interactive", "bulk"]},
}
ACTIONS: Final[dict[str, tuple[Literal["receive", "send"], ...]]] = {
    "enroll.events": ("receive",),
    "sync.work": ("send", "receive"),
    "sync.events": ("send",),
}
"""What Sync Service does there."""


def document() -> dict[str, Any]:
    """An AsyncAPI 3.0 document (asyncapi.com). A channel is a routing key on a topic exchange."""
    kinds = every_kind()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Sync Service", "version": version("sync-service"), "description": ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "channels": {one.__name__: _channel(one) for one in kinds},
        "operations": {
            f"{action}{one.__name__}": _operation(one, action) for one in kinds for action in ACTIONS[one.EXCHANGE]
        },
        "components": {
            "messages": {one.__name__: _message(one) for one in kinds},
            "parameters": LANES,
            "schemas": {one.__name__: one.model_json_schema(ref_template=REF) for one in kinds},
        },
    }


def page() -> str:
    return json.dumps(document(), indent=2) + "\n"


def _channel(kind: type[Message]) -> dict[str, Any]:
    names = {exchange.name: exchange.kind for exchange in Topology().exchanges()}
    exchange = {"name": kind.EXCHANGE, "type": names[kind.EXCHANGE], "durable": True, "autoDelete": False}
    channel: dict[str, Any] = {
        "address": _address(kind),
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }
    if kind.EXCHANGE == "sync.work":
        channel["parameters"] = {name: {"$ref": f"#/components/parameters/{name}"} for name in LANES}
    return channel


def _address(kind: type[Message]) -> str:
    if kind.EXCHANGE != "sync.work":
        return kind.TYPE
    return work_key("import", "bulk", kind.TYPE).replace("importer", "{service}").replace("bulk", "{pace}")


def _operation(kind: type[Message], action: Literal["receive", "send"]) -> dict[str, Any]:
    channel = f"#/channels/{kind.__name__}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{kind.__name__}"}],
    }


def _message(kind: type[Message]) -> dict[str, Any]:
    envelope = Envelope.model_json_schema(mode="serialization", ref_template=REF)
    about = envelope["properties"] | {"type": {"const": kind.TYPE}, "data": {"$ref": REF.format(model=kind.__name__)}}
    return {
        "name": kind.TYPE,
        "summary": " ".join((kind.__doc__ or "").split()),
        "contentType": CONTENT_TYPE,
        "payload": {"type": "object", "required": ["specversion", "id", "source", "type", "data"], "properties": about},
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
