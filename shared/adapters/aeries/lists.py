"""Schools, fields and codes of an Aeries site. Source: SIS facts, 2.2, 2.5 and 2.6."""

from typing import Final

from shared.adapters.aeries.json import STUDENT
from shared.adapters.aeries.server import Aeries
from shared.model.catalog import sis_catalog
from shared.model.codes import Code
from shared.model.errors import NotFound, Refused
from shared.model.sis import SisField, SisLists, SisSchool

SETS: Final = {
    "ethnicity": "STU/ETH",
    "race": "STU/RC1",
    "home language": "STU/HL",
    "correspondence language": "STU/CL",
    "language fluency": "STU/LF",
    "grade": "STU/GR",
    "status": "STU/TG",
    "country": "STU/BCU",
    "state": "STU/BST",
    "relationship": "contact/RL",
}
"""The name of a set to its table and field. CON would be a device name to the server: its codes stand under contact."""


async def lists(server: Aeries) -> SisLists:
    schools = [SisSchool(code=one["SchoolCode"], name=one.get("Name", "")) for one in await server.schools()]
    codes, missing = dict[str, tuple[Code, ...]](), []
    for name, place in SETS.items():
        try:
            rows = await server.codes(place)
        except (Refused, NotFound):
            missing.append(name)
            continue
        active = [one for one in rows if one.get("Code") and not one.get("Status")]
        codes[name] = tuple(Code(code=_code(name, one), label=one.get("Description", "")) for one in active)
    return SisLists(schools=tuple(schools), fields=tuple(_fields()), codes=codes, missing=tuple(missing))


def _code(name: str, row: dict[str, str]) -> str:
    """Of a grade the number that students carry."""
    return row.get("AeriesCode") or row["Code"] if name == "grade" else row["Code"]


def _fields() -> list[SisField]:
    written = sis_catalog("aeries").fields
    names = [name for name in dict.fromkeys((*STUDENT, *written)) if name not in written or not written[name].refers]
    return [
        SisField(
            name=name,
            label=written[name].label if name in written else name,
            read=name in STUDENT,
            written=name in written,
        )
        for name in names
    ]
