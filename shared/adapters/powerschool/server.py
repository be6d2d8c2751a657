"""What a PowerSchool server answers over its REST API (`/ws/v1`). Source: SIS facts, section 1."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from shared.adapters.powerschool.json import extensions, group, many, text
from shared.adapters.sis_http import SisHttp
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Permanent, Refused, Unavailable
from shared.model.kind_settings import PowerSchoolSettings
from shared.model.number import whole_number

PAGE: Final = 100
APPLICATION: Final = "sync_service"
COUNTED: Final = "com.pearson.core.student.student_dcid_id_map"
"""A query that every server has; asked with a data version it makes the server count changes for us."""
_ODD = re.compile(r"[^\w .@-]", re.ASCII)
EXPANSIONS: Final = (
    *("demographics", "addresses", "phones", "school_enrollment", "ethnicity_race"),
    *("contact", "contact_info", "initial_enrollment", "schedule_setup"),
)


class PowerSchool:
    """What a PowerSchool server answers about its schools and students."""

    def __init__(self, http: SisHttp, settings: PowerSchoolSettings) -> None:
        self._http = http
        self._settings = settings

    @property
    def extensions(self) -> dict[str, str]:
        """Tables of custom fields are read, and written, only by calls that name them."""
        tables = dict.fromkeys(name.partition(".")[0] for name in self._settings.extension_fields)
        return {"extensions": ",".join(tables)} if tables else {}

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
        more = {"expansions": ",".join(EXPANSIONS), **self.extensions}
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

    async def data_version(self) -> str:
        """That of now, counted from for us; blank where the server or the plugin has no data versions."""
        body = {"$dataversion": "0", "$dataversion_applicationname": APPLICATION}
        try:
            answer, _ = await self._http.post(f"/ws/schema/query/{COUNTED}", body, {"pagesize": 1})
        except (NotFound, Refused, Permanent):
            return ""
        return text(group(answer).get("$dataversion"))

    async def changed(self, since: str) -> tuple[str, list[str]]:
        """The data version of now, and the students (DCID) that have changed since the other one."""
        answer, _ = await self._http.get(f"/ws/dataversion/{APPLICATION}/{since}")
        found = group(answer)
        students = many(group(found.get("tables")).get("students"))
        return text(found.get("$dataversion")), [text(one) for one in students]

    async def district(self, expansions: Sequence[str]) -> dict[str, Any]:
        answer, _ = await self._http.get("/ws/v1/district", {"expansions": ",".join(expansions)})
        return group(group(answer).get("district"))

    async def code_sets(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Rows of the table CodeSet, all values texts."""
        columns = "codetype,code,displayvalue,description,effectivestartdate,effectiveenddate"
        async for rows in self._walk("/ws/schema/table/codeset", "record", "", {"projection": columns}):
            yield [group(group(row.get("tables")).get("codeset")) for row in rows]

    async def custom_fields(self) -> list[str]:
        """As `table.field`: those that any of the first students has, of the tables that the server names."""
        path = "/ws/v1/district/student"
        answer, _ = await self._http.get(path, {"page": 1, "pagesize": 1})
        tables = text(group(group(answer).get("students")).get("@extensions")).replace(" ", "")
        if not tables:
            return []
        answer, _ = await self._http.get(path, {"page": 1, "extensions": tables})
        students = many(group(group(answer).get("students")).get("student"))
        return sorted({name for one in map(group, students) for name, _ in extensions(one)})

    async def everybody(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Students of every status, with what tells them apart."""
        asked = {"expansions": "demographics"}
        async for page in self._pages("/ws/v1/district/student", "students", "student", "student", asked):
            yield page

    async def search(self, field: str, value: str) -> list[dict[str, Any]]:
        """Students of every status by a field of the query language; odd characters stand for anything."""
        asked = {"q": f"{field}=={_ODD.sub('*', value)}", "expansions": "demographics"}
        path = "/ws/v1/district/student"
        return [one async for page in self._walk(path, "students", "student", asked) for one in page]

    async def student(self, dcid: str) -> dict[str, Any] | None:
        """All there is about a student, custom fields too; None where there is no such student."""
        asked = {"expansions": ",".join(EXPANSIONS), **self.extensions}
        try:
            answer, _ = await self._http.get(f"/ws/v1/student/{dcid}", asked)
        except NotFound:
            return None
        found = group(group(answer).get("student"))
        if not found:
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return found

    async def save(self, students: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The result of each record, in whatever order; the call answers 200 even where records fail.

        Raises:
            Permanent: the call as a whole was refused. Unavailable: nobody knows what was saved.
        """
        status, answer = await self._http.write(
            "POST", "/ws/v1/student", {"students": {"student": list(students)}}, self.extensions
        )
        if status >= 500:
            raise Unavailable(*said("sis.unavailable", host=self._http.host, status=status))
        if status >= 400:
            raise Permanent(*said("sis.refused", host=self._http.host, status=status))
        results = group(answer).get("results")
        if not isinstance(results, dict):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return [one for one in many(results.get("result")) if isinstance(one, dict)]

    async def write_contact(self, method: str, path: str, body: Mapping[str, Any]) -> list[str]:
        """Below /ws/contacts. Says what stands against it; nothing where it was saved.

        A refusal comes as a status, or as `ERROR` in an answer of 200, under keys with and without an underscore.
        """
        status, answer = await self._http.write(method, f"/ws/contacts/{path}", body)
        found = group(answer)
        if status < 400 and text(found.get("status")) != "ERROR":
            return []
        told = group(found.get("error_message") or found.get("_error_message") or found.get("_warning"))
        errors = [group(one) for one in many(told.get("error") or told.get("_warning"))]
        said_so = [text(one.get("error_description") or one.get("error_code")) for one in errors]
        return [one for one in said_so if one] or [text(found.get("message")) or f"answer {status}"]

    async def contacts(self, student: str) -> list[dict[str, Any]]:
        """The contacts of a student, as the Contacts API (PowerSchool 12 and later) has them."""
        try:
            answer, _ = await self._http.get(f"/ws/contacts/student/{student}")
        except NotFound:
            return []
        return [_of_student(one, student) for one in many(answer) if isinstance(one, dict)]

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
        count = whole_number(text(group(found.get("resource") or found).get("count")))
        if count < 0:
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return count

    async def _pages(
        self, path: str, wrapper: str, item: str, kind: str, params: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Until a page is empty: there is no next link, and the plugin's own maximum may be less than was asked for."""
        most = whole_number(text((await self._metadata()).get(f"{kind}_max_page_size")), 0)
        size = min(most, self._settings.page_size) if most else PAGE
        async for rows in self._walk(path, wrapper, item, {**params, "pagesize": str(size)}):
            yield rows

    async def _walk(
        self, path: str, wrapper: str, item: str, params: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """A page that is the one before again ends it: so does a server that knows no pages."""
        before: list[dict[str, Any]] = []
        for number in range(1, 1_000_000):
            answer, _ = await self._http.get(path, {**params, "page": number})
            if not isinstance(answer, dict) or (wrapper not in answer and item):
                raise Unavailable(*said("sis.not_understood", host=self._http.host))
            found = group(answer[wrapper]).get(item) if item else answer.get(wrapper)
            rows = [one for one in many(found) if isinstance(one, dict)]
            if not rows or rows == before:
                return
            before = rows
            yield rows


def _of_student(contact: Mapping[str, Any], student: str) -> dict[str, Any]:
    """With the links to this student alone: a parent has one to each of the children."""
    links = map(group, many(contact.get("contactStudents")))
    return {**contact, "contactStudents": [one for one in links if text(one.get("dcid")) in ("", student)]}
