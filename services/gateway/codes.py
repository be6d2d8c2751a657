"""Field codes of Enroll, and the tables that pair them with the codes of the SIS."""

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.context import Base, Caller
from shared.adapters.enroll_sites import PRODUCTION
from shared.mapping.code_tables import CodeReport, report, suggest
from shared.model.codes import Code, CodePair, CodeTable, CodeTableDraft
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import NotFound
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1", tags=["codes"])

TABLES = "/connections/{id}/code-tables"
Name = Annotated[str, Path(min_length=1, max_length=100)]


class TwoLists(BaseModel):
    """The codes of the SIS, and the name of the set of Enroll's field codes that they are to be paired with."""

    model_config = ConfigDict(extra="forbid")

    enroll_set: str
    sis_codes: list[Code] = Field(max_length=5000)


@router.get("/field-codes")
async def field_codes(call: Caller, instance: Instance = PRODUCTION) -> dict[str, list[Code]]:
    """Field codes of Enroll, or of its sandbox, by the name of their set."""
    await call.may(Deed.VIEW, subject="field codes")
    return {name: list(codes) for name, codes in (await call.field_codes(instance)).items()}


@router.get("/field-codes.csv")
async def download(call: Caller, instance: Instance = PRODUCTION) -> Response:
    """Enroll Field Codes as a CSV file."""
    await call.may(Deed.VIEW, subject="field codes")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Set", "Code", "Label"])
    for name, codes in (await call.field_codes(instance)).items():
        writer.writerows([name, one.code, one.label] for one in codes)
    name = 'attachment; filename="enroll-field-codes.csv"'
    return Response("\ufeff" + text.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})


@router.get(TABLES)
async def tables(call: Caller, id: str) -> list[CodeTable]:
    """The newest version of each table of the connection."""
    await call.found(Deed.VIEW, call.connection, id)
    return await call.org.code_tables.all(id)


@router.put(TABLES + "/{name}", status_code=201)
async def save(call: Caller, id: str, name: Name, draft: CodeTableDraft, base: Base = None) -> CodeTable:
    """Save the table as its next version. Mappings take it up when they are saved again."""
    await call.found(Deed.MAP_IMPORT, call.connection, id, data_type="students")
    return await call.org.code_tables.add(draft, id, name, call.who.user, base)


@router.get(TABLES + "/{name}/versions/{version}")
async def version(call: Caller, id: str, name: Name, version: Annotated[int, Path(ge=1)]) -> CodeTable:
    """One version of the table; they are counted from 1."""
    await call.found(Deed.VIEW, call.connection, id)
    found = await call.org.code_tables.numbered(id, name, version)
    if found is None:
        raise NotFound(*said("code_table.not_found"))
    return found


@router.get(TABLES + "/{name}/report")
async def left_over(call: Caller, id: str, name: Name) -> CodeReport:
    """Codes on either side that nothing maps to, and pairs that cannot be right."""
    connection = await call.found(Deed.VIEW, call.connection, id)
    table = await call.org.code_tables.latest(id, name)
    sets = await call.field_codes(connection.instance) if table.enroll_set else {}
    return report(table, sets.get(table.enroll_set, ()))


@router.post("/code-tables/suggest")
async def proposed(call: Caller, lists: TwoLists) -> list[CodePair]:
    """Pairs with the same code or the same label. Nothing is saved."""
    await call.may(Deed.VIEW, subject="field codes")
    sets = await call.field_codes()
    if lists.enroll_set not in sets:
        known = ", ".join(sorted(sets))
        raise NotFound(*said("field_codes.unknown", known=known))
    return list(suggest(lists.sis_codes, sets[lists.enroll_set]))


@router.post("/code-tables/report")
async def reported(call: Caller, draft: CodeTableDraft) -> CodeReport:
    """The same report of a table that is not saved."""
    await call.may(Deed.VIEW, subject="field codes")
    return report(draft, (await call.field_codes()).get(draft.enroll_set, ()) if draft.enroll_set else ())
