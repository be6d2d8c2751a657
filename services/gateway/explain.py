"""Where the values of a record come from."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Text

from services.gateway.context import Call, Caller
from services.gateway.mappings import found_catalog
from shared.engine.explaining import MOST_GONE, Asked, Direction, Looked, explain, explain_all
from shared.engine.searching import Known, named
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput, NotFound
from shared.model.explanation import Explanation
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1/explain", tags=["explain"])

LEFT_OUT: Final = "X-Left-Out"
OLDER: Final = "connections that were deleted longer ago"

Key = Annotated[
    str, Query(max_length=300, description="The record's key as its runs show it, such as the district's student id.")
]
TargetId = Annotated[str, Query(max_length=100, description="Or its id in Enroll; for exports, in the SIS.")]
OfConnection = Annotated[str | None, Query(max_length=100, description="Only what came through this connection.")]
Field = Annotated[str | None, Query(max_length=100, description="Only this field.")]
Before = Annotated[int | None, Query(description="The `next` of the field: earlier writes go on behind it.")]
Earlier = Annotated[int, Query(ge=0, le=100, description="How many earlier writes of each field are shown.")]


class Search(BaseModel):
    """Whom to look for. It stays out of addresses and logs."""

    model_config = ConfigDict(extra="forbid")

    name: str = Text(min_length=1, max_length=100, description="Words of the name, or parts of them.")
    direction: Direction = "import"
    connection: str | None = Text(None, max_length=100)


@router.post("/{data_type}/search")
async def search(call: Caller, data_type: str, asked: Search) -> list[Known]:
    """Records that were sent, by name: at most 50, with the keys by which they are explained. What was sent through a
    connection that was deleted is not found by name."""
    only = await _may(call, asked.direction, data_type, asked.connection)
    found_catalog(data_type)
    connections = [only] if only else await call.org.connections.all()
    return await named(call.org, connections, asked.direction, data_type, asked.name)


@router.get("/{data_type}")
async def show(
    call: Caller,
    response: Response,
    data_type: str,
    key: Key = "",
    target_id: TargetId = "",
    connection: OfConnection = None,
    direction: Direction = "import",
    field: Field = None,
    before: Before = None,
    earlier: Earlier = 10,
) -> list[Explanation]:
    """Which run, row, column and mapping put each value there, one for each connection that wrote to the record;
    those that were deleted since come last, with their `deleted_at`. Only the 100 that were deleted last are looked at,
    but for one named by `connection`: where there are older ones the header `X-Left-Out` says so."""
    asked = Asked(direction, data_type, key, target_id, field, before, earlier)
    looked = await looked_for(call, asked, connection)
    if looked.left_out:
        response.headers[LEFT_OUT] = OLDER
    if not looked.found:
        raise NotFound(
            *(said("record.not_looked_for", most=MOST_GONE) if looked.left_out else said("record.not_found"))
        )
    return looked.found


async def looked_for(call: Call, asked: Asked, connection: str | None = None) -> Looked:
    """The same; that nothing is found is no error."""
    direction, data_type = asked.direction, asked.data_type
    only = await _may(call, direction, data_type, connection)
    found_catalog(data_type)
    if not asked.key and not asked.target_id:
        raise BadInput(*said("record.not_named"))
    return Looked(await explain(call.org, [only], asked)) if only else await explain_all(call.org, asked)


async def _may(call: Call, direction: Direction, data_type: str, connection: str | None) -> Connection | None:
    """The connection, where one is named. Raises Refused, NotFound."""
    deed = Deed.VIEW if direction == "import" else Deed.VIEW_EXPORT
    subject = f"explain {data_type}"[:100]
    if connection:
        return await call.found(deed, call.known_connection, connection, subject=subject)
    await call.may(deed, subject=subject)
    return None
