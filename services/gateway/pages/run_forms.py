"""What can be run by hand on a connection, and what each of the ways asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.gateway import exports, mappings, switches
from services.gateway.pages.fields import Field, Form
from services.gateway.pages.visits import Visit
from services.gateway.pages.words import label, school_year
from services.gateway.schools import by_name, enroll_schools, named
from services.gateway.switches import Switches
from shared.model.catalog import data_types
from shared.model.connection import Connection
from shared.model.errors import NotFound, SyncError
from shared.model.kind import Kind
from shared.model.permission import Deed
from shared.model.saved import newest

FROM_A_SIS: Final = ("students", "schools")
NO_YEAR: Final = (
    "Nothing can be imported: Enable Sync Import is off for every school year. It is turned on in Enroll, under "
    "Settings, General."
)
NO_MODULE: Final = "Nothing can be exported: the Registration module of Enroll is off for this organization."
UNKNOWN: Final = "Enroll does not know this organization, so nothing can be run."
PREVIEW: Final = Field(
    "preview",
    "How",
    "one",
    options=(("1", "Preview: write nothing yet"), ("0", "Write at once, within the safety limits")),
)
ROSTER: Final = Field(
    "roster",
    "The file holds",
    "menu",
    hint="Where it holds everybody, students who are not in it are marked as missing.",
    required=True,
)
FILE: Final = Field("file", "File", "file", hint="A CSV file, or a ZIP archive with one in it.", required=True)
CHANGES: Final = Field(
    "changes",
    "Only what has changed since the last import",
    "switch",
    hint="Quicker. The first time everybody is read. Nobody is marked as missing.",
)
AFRESH: Final = Field(
    "afresh",
    "Look at those as well who have not changed since they were sent",
    "switch",
    hint="For when something was lost or changed on the other side. Takes longer.",
)
WHICH: Final = Field(
    "which",
    "Which registrations",
    "one",
    options=(
        ("all", "All approved registrations"),
        ("pending", "Only those that are not exported yet, or Failed, or are a Partial Sync"),
        ("school", "Those of one school"),
        ("student", "That of one student"),
        ("test", "A test record: one registration, to see how it arrives"),
    ),
)
SCHOOL: Final = Field("school", "School code", hint="For one school: exactly as in Enroll.")
STUDENT: Final = Field(
    "student", "Student", hint="For one student, or for the test record: the id in Enroll or the district."
)


@dataclass(slots=True)
class Trial:
    """One way to run it. `unmapped` are data types that wait for a mapping; without fields there is nothing to ask."""

    name: str
    words: str
    about: str
    button: str
    form: Form
    unmapped: Sequence[str] = ()


@dataclass(slots=True)
class Offer:
    """What this person may run here; `reasons` are why something cannot be run that they might expect."""

    trials: list[Trial]
    reasons: list[str]

    def find(self, name: str) -> Trial | None:
        return next((one for one in self.trials if one.name == name), None)


async def offered(visit: Visit, connection: Connection) -> Offer:
    """All that this person may run now."""
    try:
        known = await switches.show(visit.call, connection.instance)
    except NotFound:
        return Offer([], [UNKNOWN])
    offer = Offer([], [])
    types = [one for one in _importable(connection) if await visit.can(Deed.IMPORT, one)]
    if types and not known.import_years:
        offer.reasons.append(NO_YEAR)
    elif types:
        offer.trials += await _imports(visit, connection, known, types)
    if connection.kind is not Kind.ONEROSTER:
        if await visit.can(Deed.EXPORT, instance=connection.instance):
            offer.trials.append(await _export(visit, connection, known))
        elif not known.registration_module and await visit.can(Deed.MAP_EXPORT):
            offer.reasons.append(NO_MODULE)
    return offer


def _importable(connection: Connection) -> Sequence[str]:
    return FROM_A_SIS if connection.pulls_from == "api" else data_types()


async def _imports(visit: Visit, connection: Connection, known: Switches, types: Sequence[str]) -> list[Trial]:
    held = {one: await mappings.versions(visit.call, connection.id, one) for one in types}
    mapped = {one: [each.name for each in newest(found)] for one, found in held.items() if found}
    unmapped = [one for one in types if one not in mapped]
    found = []
    for name, words, about, button, more in _import_ways(connection):
        fields = (*_common(mapped, known.import_years), *more, AFRESH, PREVIEW) if mapped else ()
        found.append(Trial(name, words, about, button, _form(name, fields, known), unmapped))
    return found


def _import_ways(connection: Connection) -> list[tuple[str, str, str, str, tuple[Field, ...]]]:
    """Name, title, what it does, the button, and the fields of its own."""
    says = "everybody" if connection.roster == "full" else "only some"
    options = (("", f"{says}, as the connection says"), ("full", "everybody"), ("some", "only some"))
    roster = replace(ROSTER, options=options)
    upload = ("upload", "Import a file", "Upload a file and bring it into Enroll.", "Upload", (FILE, roster))
    if connection.kind is Kind.AD_HOC:
        return [upload]
    if connection.kind is Kind.SFTP:
        about = "Take the newest file of the import folder now, instead of waiting for the schedule."
        return [("fetch", "Import from SFTP", about, "Fetch", (roster,)), upload]
    return [("fetch", "Import from the SIS", "Read the SIS now, and bring it into Enroll.", "Fetch", (CHANGES,))]


async def _export(visit: Visit, connection: Connection, known: Switches) -> Trial:
    held = await exports.versions(visit.call, connection.id, "students")
    names = list(dict.fromkeys(one.name for one in held))
    into_sis = connection.writes_to_sis
    otherwise = "Send approved registrations into the SIS. A student who is there already gets what differs."
    about = {
        Kind.AD_HOC: "Make files of the approved registrations, to be downloaded from the run.",
        Kind.SFTP: "Make files of the approved registrations, and put them into the export folder.",
    }.get(connection.kind, otherwise)
    years = sorted({known.current_school_year, known.current_school_year + 1, *known.import_years}, reverse=True)
    own = (WHICH, await _school(visit, connection), STUDENT, AFRESH) if into_sis and names else ()
    fields = (*_common({"students": names}, years)[1:], *own, PREVIEW) if names else ()
    words = "Export into the SIS" if into_sis else "Export files"
    unmapped = () if names else ("students",)
    return Trial("export", words, about, "Export", _form("export", fields, known), unmapped)


async def _school(visit: Visit, connection: Connection) -> Field:
    """Those of Enroll to choose from; where it cannot tell them, or has none, a code to enter."""
    try:
        found = await enroll_schools(visit.call, connection.instance)
    except SyncError:
        return SCHOOL
    if not found:
        return SCHOOL
    options = (("", "Choose a school"), *map(named, by_name(found)))
    return replace(SCHOOL, label="School", shape="menu", hint="For one school.", options=options)


def _common(mapped: Mapping[str, Sequence[str]], years: Sequence[int]) -> tuple[Field, ...]:
    """Data type, school year, and the mapping where there is a choice."""
    types = Field("data_type", "What", "menu", options=tuple((one, label(one)) for one in mapped), required=True)
    offered = tuple((str(year), school_year(year)) for year in years)
    year = Field("school_year", "School year", "menu", options=offered, required=True)
    names = list(dict.fromkeys(name for found in mapped.values() for name in found))
    if names in ([], ["default"]):
        return (types, year)
    return (types, year, Field("mapping", "Mapping", "menu", options=tuple((one, one) for one in names), required=True))


def _form(group: str, fields: Sequence[Field], known: Switches) -> Form:
    grouped = [replace(one, group=group) for one in fields]
    names = next((one.options for one in fields if one.name == "mapping"), ())
    mapping = "default" if ("default", "default") in names else next((value for value, _ in names), "")
    filled = {"preview": "1", "which": "pending", "mapping": mapping, "roster": "", "changes": False, "afresh": False}
    filled |= {"school_year": str(known.current_school_year)}
    return Form.of(grouped, filled)
