"""One connection chosen out of many: by its name, or a part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query

from services.gateway.connections import NO_NUL
from services.gateway.context import Call
from shared.model.connection import Connection
from shared.model.zone import common_zone

OFFERED: Final = 20
Named = Annotated[str | None, Query(alias="name", max_length=100, pattern=NO_NUL)]


@dataclass(frozen=True, slots=True)
class Choice:
    """`typed` is the name that was asked for, or that of what is chosen. `several` have it in theirs, where it names
    more than one. `offered` are names to choose from, the first of all. `zone` is that of what is chosen, or of all
    connections where they have the same; else UTC."""

    typed: str
    chosen: Connection | None
    several: Sequence[Connection]
    offered: Sequence[str]
    zone: str

    @property
    def id(self) -> str:
        return self.chosen.id if self.chosen else ""

    @property
    def is_open(self) -> bool:
        """A name was typed that is none, or one of several."""
        return bool(self.typed) and self.chosen is None


async def choice(call: Call, id: str, name: str | None) -> Choice:
    """By the id, unless another name was typed since. Raises NotFound."""
    held = await call.known_connection(id) if id else None
    typed = (held.name if held else "") if name is None else name.strip()
    found = [held] if held and held.name == typed else await _called(call, typed) if typed else []
    chosen = found[0] if len(found) == 1 else None
    names = await call.org.connections.names()
    return Choice(
        typed=chosen.name if chosen else typed,
        chosen=chosen,
        several=found,
        offered=[one for one, _ in names[:OFFERED]],
        zone=chosen.zone if chosen else common_zone(zone for _, zone in names),
    )


async def _called(call: Call, typed: str) -> list[Connection]:
    """The one of exactly this name, else those that have it in theirs; at most one more than are shown."""
    held = call.org.connections
    if one := await held.named(typed):
        return [one]
    found = await held.page(search=typed, limit=OFFERED + 1)
    return [*found, *await held.gone(search=typed, limit=OFFERED + 1 - len(found))] if len(found) <= OFFERED else found
