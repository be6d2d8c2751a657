"""PowerSchool SIS over its REST API (`/ws/v1`): reading. Source: SIS facts, section 1.

JSON made from XML: one item stands where a list is meant, an empty group is `""`, a key without a value is absent, and
what looks like a number has lost its quotes, with the zeros before it. All of that ends in this module.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from shared.adapters.row_store import RowStore
from shared.adapters.sis_http import SisHttp
from shared.model.connection import PowerSchoolSettings
from shared.model.contacts import contact_field, contact_name
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings, NotFound, Refused, Unavailable
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch

PAGE: Final = 100
MAX_CONTACTS: Final = 20
CUT_SHORT: Final = "file.cut_short"
EXPANSIONS: Final = (
    *("demographics", "addresses", "phones", "school_enrollment", "ethnicity_race"),
    *("contact", "contact_info", "initial_enrollment", "schedule_setup"),
)
_ADDRESS = ("street", "city", "state_province", "postal_code")
STUDENT: Final = (
    *("dcid", "local_id", "state_province_id", "student_username"),
    *("name.first_name", "name.middle_name", "name.last_name"),
    *("demographics.gender", "demographics.birth_date", "demographics.district_entry_date"),
    "demographics.projected_graduation_year",
    *(f"addresses.{kind}.{part}" for kind in ("physical", "mailing") for part in _ADDRESS),
    "phones.main.number",
    *(f"school_enrollment.{part}" for part in ("enroll_status", "enroll_status_code", "grade_level", "entry_date")),
    *(f"school_enrollment.{part}" for part in ("exit_date", "school_number", "school_id", "entry_code", "track")),
    *("ethnicity_race.federal_ethnicity", "ethnicity_race.scheduling_reporting_ethnicity", "ethnicity_race.races"),
    *("contact.guardian_email", "contact.mother", "contact.father", "contact.emergency_contact_name1"),
    *("contact.emergency_phone1", "contact.emergency_contact_name2", "contact.emergency_phone2"),
    *("contact_info.email", "schedule_setup.home_room", "schedule_setup.next_school"),
    "schedule_setup.sched_next_year_grade",
)
SCHOOL: Final = ("id", "name", "school_number", "alternate_school_number", "low_grade", "high_grade")
CONTACT: Final = (
    *("ContactID", "FirstName", "MiddleName", "LastName", "Relationship", "Emails1", "Emails2", "Phones1"),
    *("Phones2", "Phones3", "Custodial", "Emergency", "LivesWith", "SchoolPickup", "Priority"),
)


class PowerSchool:
    """What a PowerSchool server answers about its schools and students."""

    def __init__(self, http: SisHttp, settings: PowerSchoolSettings) -> None:
        self._http = http
        self._settings = settings

    async def check(self) -> dict[str, Any]:
        """Test connection: log in, and look whether the plugin may read schools and students."""
        about = await self._metadata()
        if "plugin_id" not in about:
            raise BadSettings(*said("powerschool.no_plugin", host=self._http.host))
        schools = await self._count("/ws/v1/district/school/count")
        students = await self._count("/ws/v1/district/student/count")
        return {"version": str(about.get("powerschool_version", "")), "schools": schools, "students": students}

    async def schools(self) -> AsyncIterator[list[dict[str, Any]]]:
        async for page in self._pages("/ws/v1/district/school", "schools", "school", "school", {}):
            yield page

    async def students(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Students of the statuses that are wanted, with all that the expansions say."""
        more = {"expansions": ",".join(EXPANSIONS)}
        if tables := dict.fromkeys(name.partition(".")[0] for name in self._settings.extension_fields):
            more["extensions"] = ",".join(tables)
        for status in self._settings.statuses:
            asked = {**more, "q": f"school_enrollment.enroll_status=={status}"}
            async for page in self._pages("/ws/v1/district/student", "students", "student", "student", asked):
                yield page

    async def count(self) -> int:
        """How many students there are of the statuses that are wanted."""
        found = 0
        for status in self._settings.statuses:
            found += await self._count(
                "/ws/v1/district/student/count", {"q": f"school_enrollment.enroll_status=={status}"}
            )
        return found

    async def contacts(self, student: str) -> list[dict[str, Any]]:
        """The contacts of a student, as the Contacts API (PowerSchool 12 and later) has them."""
        try:
            answer, _ = await self._http.get(f"/ws/contacts/student/{student}")
        except NotFound:
            return []
        return [one for one in many(answer) if isinstance(one, dict)]

    async def _metadata(self) -> dict[str, Any]:
        answer, _ = await self._http.get("/ws/v1/metadata")
        return group(group(answer).get("metadata"))

    async def _count(self, path: str, params: Mapping[str, str] | None = None) -> int:
        """Both shapes that servers answer: wrapped in `resource`, and bare."""
        try:
            answer, _ = await self._http.get(path, params)
        except Refused:
            raise BadSettings(*said("powerschool.no_access", path=path)) from None
        found = group(answer)
        count = text(group(found.get("resource") or found).get("count"))
        if not count.isdigit():
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return int(count)

    async def _pages(
        self, path: str, wrapper: str, item: str, kind: str, params: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Until a page is empty: there is no next link, and the plugin's own maximum may be less than was asked for."""
        most = text((await self._metadata()).get(f"{kind}_max_page_size"))
        size = min(int(most), self._settings.page_size) if most.isdigit() and int(most) else PAGE
        for number in range(1, 1_000_000):
            answer, _ = await self._http.get(path, {**params, "page": number, "pagesize": size})
            if not isinstance(answer, dict) or wrapper not in answer:
                raise Unavailable(*said("sis.not_understood", host=self._http.host))
            rows = [one for one in many(group(answer[wrapper]).get(item)) if isinstance(one, dict)]
            if not rows:
                return
            yield rows


class PowerSchoolSource:
    """Students, or schools, of a PowerSchool server (`shared.model.ports.Source`).

    All of it is pulled before the first row is given: extensions add columns, and a server that breaks off in the
    middle must not look like a district that has shrunk.
    """

    def __init__(
        self,
        http: SisHttp,
        settings: PowerSchoolSettings,
        *,
        data_type: str = "students",
        spool_dir: Path | None = None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._data_type = data_type
        self._spool_dir = spool_dir
        self._open = AsyncExitStack()
        self._warnings: list[str] = []
        self._rows: RowStore | None = None
        self._columns: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("sis.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            rows = RowStore(self._spool_dir)
            stack.callback(rows.close)
            server = PowerSchool(self._http, self._settings)
            await (self._students(server, rows) if self._data_type == "students" else self._schools(server, rows))
            self._open = stack.pop_all()
        self._rows = rows
        fixed = SCHOOL if self._data_type == "schools" else (*STUDENT, *self._settings.extension_fields)
        self._columns = tuple(dict.fromkeys((*fixed, *sorted(rows.names, key=_by_slot))))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def info(self) -> SourceInfo:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        host = self._http.host
        details = {"form": "PowerSchool", "host": host}
        return SourceInfo(self._columns, f"PowerSchool at {host}", self._rows.size, self._rows.sha256, details)

    @property
    def warnings(self) -> Sequence[str]:
        return self._warnings

    def batches(self) -> AsyncIterator[RowBatch]:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        return self._rows.batches(self._columns)

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def _schools(self, server: PowerSchool, rows: RowStore) -> None:
        async for page in server.schools():
            await rows.add([school(one) for one in page])

    async def _students(self, server: PowerSchool, rows: RowStore) -> None:
        expected = await server.count()
        async for page in server.students():
            found = [student(one) for one in page]
            if self._settings.contacts:
                for row in found:
                    row |= dict(contacts(await server.contacts(row["dcid"])))
            await rows.add(found)
        if rows.count < expected:
            self._warnings.append(CUT_SHORT)


def _by_slot(name: str) -> tuple[int, int]:
    """Contacts last, one after the other, each with its fields in their order."""
    one = contact_field(name)
    if one is None:
        return 0, 0
    field = f"{one.field}{one.number or ''}"
    return one.slot, CONTACT.index(field) if field in CONTACT else len(CONTACT)


def student(raw: Mapping[str, Any]) -> dict[str, str]:
    """A student as texts under dotted names; what has no value is left out."""
    found = {name: value for name in STUDENT if (value := text(_at(raw, name)))}
    found["dcid"] = text(raw.get("id"))
    for kind in ("physical", "mailing"):
        place = f"addresses.{kind}.postal_code"
        if place in found:
            found[place] = postal_code(found[place])
    races = [group(one) for one in many(group(raw.get("ethnicity_race")).get("races"))]
    codes = [text(one.get("district_race_code")) for one in races]
    found["ethnicity_race.races"] = ",".join(code for code in codes if code)
    found |= dict(extensions(raw))
    return {name: value for name, value in found.items() if value}


def school(raw: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(raw.get(name)) for name in SCHOOL}


def extensions(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Custom fields as `table.field`."""
    for table in many(group(raw.get("_extension_data")).get("_table_extension")):
        for field in many(group(table).get("_field")):
            yield f"{text(group(table).get('name'))}.{text(group(field).get('name'))}", text(group(field).get("value"))


def contacts(raw: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The contacts of a student in the order the SIS gives them, as `N - Contacts.Field`."""
    for slot, one in enumerate(raw[:MAX_CONTACTS], 1):
        link = next((group(link) for link in many(one.get("contactStudents"))), {})
        details = [group(detail) for detail in many(link.get("studentDetails"))]
        detail = next((one for one in details if one.get("active", True)), {})
        emails = [text(group(email).get("address")) for email in _primary_first(one.get("emails"), "primary")]
        phones = [text(group(phone).get("phoneNumber")) for phone in _primary_first(one.get("phones"), "preferred")]
        values = {
            "ContactID": one.get("contactId"),
            "FirstName": one.get("firstName"),
            "MiddleName": one.get("middleName"),
            "LastName": one.get("lastName"),
            "Relationship": detail.get("relationship"),
            **{f"Emails{number}": email for number, email in enumerate(emails[:2], 1)},
            **{f"Phones{number}": phone for number, phone in enumerate(phones[:3], 1)},
            "Custodial": detail.get("custodial"),
            "Emergency": detail.get("emergency"),
            "LivesWith": detail.get("livesWith"),
            "SchoolPickup": detail.get("schoolPickup"),
            "Priority": link.get("sequence"),
        }
        yield from ((contact_name(slot, name), text(value)) for name, value in values.items())


def many(value: Any) -> list[Any]:
    """A list where the API means one: a single item stands alone, none is absent or an empty text."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def group(value: Any) -> dict[str, Any]:
    """A group of values; an empty one comes as an empty text."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """The text that a value was before it lost its quotes."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return orjson.dumps(value).decode().removesuffix(".0")
    return str(value).replace("\0", "").strip()


def postal_code(given: str) -> str:
    """With the zeros again that a number has lost: five digits, or five and four."""
    if not given.isdigit():
        return given
    return given.zfill(5) if len(given) <= 5 else given.zfill(9) if len(given) == 8 else given


def _at(raw: Mapping[str, Any], name: str) -> Any:
    found: Any = raw
    for part in name.split("."):
        found = group(found).get(part)
    return found


def _primary_first(values: Any, flag: str) -> list[Any]:
    return sorted(many(values), key=lambda one: not group(one).get(flag))
