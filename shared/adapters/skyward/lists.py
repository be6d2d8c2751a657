"""Schools, fields and codes of a Skyward server, and whether a connection works. Source: SIS facts, 3.3, 3.6."""

from typing import Any, Final

from shared.adapters.skyward.codes import CODED
from shared.adapters.skyward.objects import Objects
from shared.adapters.skyward.source import COLUMNS
from shared.model.catalog import sis_catalog
from shared.model.codes import Code
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Permanent, Refused
from shared.model.sis import SisField, SisLists, SisSchool

NEEDED: Final = {
    "Student/Student": ("StudentNumber", "NameID", "Name.FirstName", "Name.LastName", "Name.BirthDate"),
    "Enrollment/School": ("Code", "Name"),
    "Enrollment/EntryWithdrawal": ("StudentID", "SchoolID", "StartDate", "EndDate"),
}
"""What nothing works without, by object."""


async def check(objects: Objects, host: str) -> dict[str, Any]:
    """Test connection: log in, and read one object of each kind with the fields that nothing works without."""
    for path, fields in NEEDED.items():
        try:
            await objects.first(path, fields)
        except BadSettings:
            raise
        except NotFound:
            raise BadSettings(*said("skyward.no_api", host=host)) from None
        except (Refused, Permanent):
            named = ", ".join(fields)
            raise BadSettings(*said("skyward.no_access", host=host, path=path, fields=named)) from None
    schools = [row async for page in objects.pages("Enrollment/School", ["Code"]) for row in page]
    return {"schools": len(schools)}


async def lists(objects: Objects) -> SisLists:
    rows = [row async for page in objects.pages("Enrollment/School", ["Code", "Name"]) for row in page]
    schools = [
        SisSchool(code=str(one.get("Code")), name=str(one.get("Name")), id=str(one.get("SchoolID"))) for one in rows
    ]
    codes, missing = dict[str, tuple[Code, ...]](), []
    for name, path in CODED.items():
        try:
            found = [row async for page in objects.pages(path, ["Code", "Description"]) for row in page]
        except (Refused, NotFound, Permanent):
            missing.append(name)
            continue
        codes[name] = tuple(
            Code(code=str(one["Code"]), label=str(one.get("Description") or "")) for one in found if one.get("Code")
        )
    fields = (*_standard(), *await _others(objects))
    return SisLists(schools=tuple(schools), fields=fields, codes=codes, missing=tuple(missing))


def _standard() -> list[SisField]:
    written = {name: field for name, field in sis_catalog("skyward").fields.items() if not field.refers}
    read = [SisField(name=name, label=name) for name in COLUMNS if name not in written]
    return read + [
        SisField(name=name, label=field.label, read=name in COLUMNS, written=True) for name, field in written.items()
    ]


async def _others(objects: Objects) -> list[SisField]:
    """Fields of Student that the metadata names and a connection may ask for besides."""
    try:
        about = await objects.about("Student/Student")
    except (Refused, NotFound, Permanent):
        return []
    return [SisField(name=name, label=name, custom=True) for name in about if name not in COLUMNS]
