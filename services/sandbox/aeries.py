"""A simulated Aeries site: system information, schools, students, contacts, with the manners of the real one.

Source: SIS facts, section 2. Those who have left are listed too, a student may stand in two schools, codes are padded
with spaces, a year that is not there is answered with the default one, a student's contacts come whatever the school.
"""

import hmac
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.aeries_codes import code_table
from services.sandbox.aeries_district import TERM, AeriesSite, AeriesSpec
from services.sandbox.aeries_writing import contact_refused, contact_values, take_over, too_long
from services.sandbox.errors import JSON
from shared.model.number import whole_number

Json = dict[str, Any]
YEARS = ("2025-2026", "2026-2027")
DISTRICT_WIDE = "0"


class AeriesApi:
    """The routes of all sites, and what tests do to them."""

    def __init__(self) -> None:
        self._sites: dict[str, AeriesSite] = {}

    def routes(self) -> list[Route]:
        base = "/aeries/{name}/api/{version}"
        post = {
            "/schools/{school}/InsertStudent": self.insert,
            "/UpdateStudent/{student}": self.update,
            "/UpdateStudentAddress/{student}": self.update_address,
            "/InsertContact/{student}": self.insert_contact,
            "/UpdateSchoolSupplemental/{school}/{number}": self.update_supplemental,
            "/UpdateContact/{student}/{number}": self.update_contact,
        }
        return [
            *(Route(base + path, self._written(path, make), methods=["POST", "PUT"]) for path, make in post.items()),
            Route(
                base + "/DeleteContact/{student}/{number}",
                self._guarded("/DeleteContact", self.delete_contact),
                methods=["DELETE"],
            ),
            Route("/sandbox/aeries/{name}", self.stats, methods=["GET"]),
            Route("/sandbox/aeries/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/aeries/{name}/students/{id}", self.patch, methods=["PATCH"]),
            Route(base + "/systeminfo", self.about, methods=["GET"]),
            *(
                Route(base + path, self._guarded(path, answer), methods=["GET"])
                for path, answer in self._reads().items()
            ),
        ]

    def _reads(self) -> dict[str, Any]:
        return {
            "/schools": self.schools,
            "/schools/{school}": self.school,
            "/codes/{table}/{field}": self.codes,
            "/enrollment/{student}": self.enrollment,
            "/schools/{school}/enrollment/{student}": self.enrollment,
            "/schools/{school}/enrollment/{student}/year/{year}": self.enrollment,
            "/schools/{school}/programs/{student}": self.nobody,
            "/schools/{school}/teachers": self.nobody,
            "/staff": self.nobody,
            "/staff/{staff}": self.nobody,
            **{f"{place}/PreEnrollStudent/{{student}}": self.pre_enroll for place in ("", "/commands")},
            **{
                f"{place}/PreEnrollInactiveStudent/{{student}}/{{next}}": self.pre_enroll for place in ("", "/commands")
            },
            "/schools/{school}/students/grade/{grade}/extended": self.extended,
            "/schools/{school}/students/sn/{number}/extended": self.extended,
            "/schools/{school}/students/grade/{grade}": self.students,
            "/schools/{school}/students/sn/{number}": self.students,
            "/schools/{school}/DistrictSupplemental/{student}": self.supplemental,
            "/schools/{school}/SchoolSupplemental/{student}": self.supplemental,
            "/schools/{school}/students/{student}/extended": self.extended,
            "/schools/{school}/terms": self.terms,
            "/StudentDataChanges/{area}/{year}/{month}/{day}/{hour}/{minute}": self.changes,
            "/schools/{school}/students": self.students,
            "/schools/{school}/students/{student}": self.students,
            "/schools/{school}/contacts": self.contacts,
            "/schools/{school}/contacts/{student}": self.contacts,
        }

    async def put(self, request: Request) -> Response:
        spec = AeriesSpec.model_validate(orjson.loads(await request.body()))
        self._sites[request.path_params["name"]] = AeriesSite(spec)
        return Response(status_code=204)

    async def patch(self, request: Request) -> Response:
        """The rows of one student, in every school."""
        changes = orjson.loads(await request.body())
        for one in self._sites[request.path_params["name"]].students:
            if str(one["StudentID"]) == request.path_params["id"]:
                one.update(changes)
                self._sites[request.path_params["name"]].touch("student", one["StudentID"])
        return Response(status_code=204)

    async def about(self, request: Request) -> Response:
        """Needs no certificate."""
        if request.path_params["name"] not in self._sites:
            return _failure(404, "Not found")
        now = self._sites[request.path_params["name"]].now()
        zone = {"LocalTimeZoneName": "Pacific Standard Time", "CurrentDateTime": now.isoformat(timespec="seconds")}
        return _answer({"AeriesVersion": "9.26.8.1", "DatabaseYear": YEARS[1], "AvailableDatabaseYears": YEARS, **zone})

    def _guarded(self, path: str, answer: Any) -> Any:
        async def guarded(request: Request) -> Response:
            site = self._sites.get(request.path_params["name"])
            given = request.headers.get("AERIES-CERT", "")
            if site is None or not hmac.compare_digest(given.encode(), site.spec.certificate.encode()):
                return _failure(401, "Invalid certificate")
            if any(path.endswith(part) for part in site.spec.forbidden):
                return _failure(403, "No permission for this security area")
            made: Response = answer(site, request)
            is_old = request.path_params["version"] != "v5" and made.status_code == 200
            return _answer(_as_before(orjson.loads(made.body))) if is_old else made

        return guarded

    def _written(self, path: str, make: Any) -> Any:
        async def written(request: Request) -> Response:
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError:
                body = None
            if not isinstance(body, dict):
                return _failure(400, "The request is invalid")
            answer: Response = await self._guarded(path, lambda site, asked: make(site, asked, body))(request)
            return answer

        return written

    async def stats(self, request: Request) -> Response:
        """Everybody, and every contact: for tests to look at."""
        site = self._sites[request.path_params["name"]]
        return _answer({"inserts": site.inserts, "students": site.students, "contacts": site.contacts})

    def insert(self, site: AeriesSite, request: Request, body: Json) -> Response:
        school = request.path_params["school"]
        if school not in {str(one["SchoolCode"]) for one in site.schools}:
            return _failure(400, f"School {school} does not exist")
        refused = too_long(body)
        return _failure(400, refused) if refused else _answer(site.insert(int(school), body))

    def update(self, site: AeriesSite, request: Request, body: Json) -> Response:
        """One row for each school; fields that may not be written are ignored, addresses among them."""
        rows = site.rows(request.path_params["student"])
        if not rows:
            return _failure(404, "Student not found")
        if refused := too_long(body):
            return _failure(400, refused)
        for row in rows:
            take_over(row, body, frozenset(site.spec.dropped), addresses=False)
        return _answer(rows)

    def update_address(self, site: AeriesSite, request: Request, body: Json) -> Response:
        rows = site.rows(request.path_params["student"])
        if not rows:
            return _failure(404, "Student not found")
        kind = body.pop("CorrectionOrChange", None)
        if kind not in ("Correction", "Change") or (kind == "Change" and not body.get("EffectiveStartDate")):
            return _failure(400, "CorrectionOrChange and EffectiveStartDate are required")
        if refused := too_long(body):
            return _failure(400, refused)
        for row in rows:
            row.setdefault("AddressHistory", []).append({"kind": kind, "from": body.get("EffectiveStartDate")})
            take_over(row, body, frozenset(site.spec.dropped), addresses=True)
        return _answer(rows)

    def insert_contact(self, site: AeriesSite, request: Request, body: Json) -> Response:
        student = request.path_params["student"]
        if not site.rows(student):
            return _failure(404, "Student not found")
        refused = contact_refused(body)
        return _failure(400, refused) if refused else _answer(site.insert_contact(student, body))

    def delete_contact(self, site: AeriesSite, request: Request) -> Response:
        """Answers those that remain."""
        place = (request.path_params["student"], request.path_params["number"])
        rest = [one for one in site.contacts if (str(one["StudentID"]), str(one["SequenceNumber"])) != place]
        if len(rest) == len(site.contacts):
            return _failure(404, "Contact not found")
        site.contacts[:] = rest
        return _answer([one for one in rest if str(one["StudentID"]) == place[0]])

    def update_contact(self, site: AeriesSite, request: Request, body: Json) -> Response:
        if request.method != site.spec.contact_verb:
            return _failure(405, "The requested resource does not support this method")
        place = (request.path_params["student"], request.path_params["number"])
        found = [one for one in site.contacts if (str(one["StudentID"]), str(one["SequenceNumber"])) == place]
        if not found:
            return _failure(404, "Contact not found")
        if refused := contact_refused(body):
            return _failure(400, refused)
        found[0].update(contact_values(body))
        return _answer(found[0])

    def schools(self, site: AeriesSite, _: Request) -> Response:
        return _answer(site.schools)

    def school(self, site: AeriesSite, request: Request) -> Response:
        found = [one for one in site.schools if str(one["SchoolCode"]) == request.path_params["school"]]
        return _answer(found[0]) if found else _failure(404, "School not found")

    def students(self, site: AeriesSite, request: Request) -> Response:
        """Always a list, of one student as well; those of one school."""
        found = _students(site, request)
        asked = {name.casefold(): whole_number(value) for name, value in request.query_params.items()}
        first = max(1, asked.get("startingrecord", 1))
        last = asked.get("endingrecord", -1)
        last = len(found) if last < 0 else last
        return _answer(found[first - 1 : min(last, first - 1 + site.spec.page_cap)])

    def codes(self, site: AeriesSite, request: Request) -> Response:
        found = code_table(request.path_params["table"], request.path_params["field"])
        return _failure(404, "Code table not found") if found is None else _answer(found)

    def enrollment(self, site: AeriesSite, request: Request) -> Response:
        rows = site.rows(request.path_params["student"])
        school = request.path_params.get("school", DISTRICT_WIDE)
        keys = ("StudentID", "SchoolCode", "StudentNumber", "Grade")
        year = request.path_params.get("year", "2026")
        about = {"AcademicYear": "2026", "LeaveDate": None, "ExitReasonCode": ""}
        shown = [
            {**{key: one[key] for key in keys}, **about, "EnterDate": one["SchoolEnterDate"]}
            for one in rows
            if school in (DISTRICT_WIDE, str(one["SchoolCode"])) and year == "2026"
        ]
        return _answer(shown)

    def nobody(self, _: AeriesSite, __: Request) -> Response:
        """Staff and programs: there are none."""
        return _answer([])

    def pre_enroll(self, site: AeriesSite, request: Request) -> Response:
        """A GET that changes data: the rows of next year, in the next school where one is named. Only once."""
        id, next_school = request.path_params["student"], request.path_params.get("next")
        rows = site.rows(id)
        active = [one for one in rows if not one["InactiveStatusCode"].strip()]
        if not rows or bool(active) == bool(next_school):
            return _failure(500, "The student cannot be pre-enrolled")
        if id in site.pre_enrolled:
            return _failure(500, "The student is already pre-enrolled")
        site.pre_enrolled.add(id)
        number = whole_number(next_school or "")
        about = {} if number < 0 else {"SchoolCode": number}
        made = [{**one, **about, "Grade": one["Grade"] + 1, "InactiveStatusCode": "*"} for one in active or rows[:1]]
        return _answer({"LogDetails": [{"Copied": "Yes", "Exception": ""}], "Students": made})

    def extended(self, site: AeriesSite, request: Request) -> Response:
        """With a StudentID of 0 those of all students."""
        found = _students(site, request)
        keys = ("StudentID", "SchoolCode", "StudentNumber")
        return _answer([{**{key: one[key] for key in keys}, "BirthCity": one.get("BirthCity", "")} for one in found])

    def terms(self, site: AeriesSite, _: Request) -> Response:
        return _answer([TERM])

    def supplemental(self, site: AeriesSite, request: Request) -> Response:
        """Those of the district are blank."""
        of_school = "SchoolSupplemental" in request.url.path
        return _answer([site.supplement(one, of_school) for one in site.rows(request.path_params["student"])])

    def update_supplemental(self, site: AeriesSite, request: Request, body: Json) -> Response:
        """By StudentNumber; a column that is not there is ignored."""
        place = (request.path_params["school"], request.path_params["number"])
        found = [one for one in site.students if (str(one["SchoolCode"]), str(one["StudentNumber"])) == place]
        if not found:
            return _failure(404, "Student not found")
        given = {
            one.get("ColumnCode"): one.get("NewValue") for one in body.get("Columns") or () if isinstance(one, dict)
        }
        if "BU" in given:
            site.supplements[place] = str(given["BU"] or "")
        return _answer(site.supplement(found[0], of_school=True))

    def changes(self, site: AeriesSite, request: Request) -> Response:
        """Who has changed since, in the district's own time; ids alone."""
        about = request.path_params
        if about["area"].casefold() not in ("student", "contact", "enrollment"):
            return _failure(400, "Invalid data area")
        year, month, day, hour, minute = (int(about[name]) for name in ("year", "month", "day", "hour", "minute"))
        since = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - as the site's clock shows it
        changed = site.changed_since(about["area"].casefold(), since)
        keys = ("StudentID", "SchoolCode", "StudentNumber")
        return _answer([{key: one[key] for key in keys} for one in changed])

    def contacts(self, site: AeriesSite, request: Request) -> Response:
        """With a StudentID the school is ignored."""
        school, student = request.path_params["school"], request.path_params.get("student")
        if student is not None:
            return _answer([one for one in site.contacts if str(one["StudentID"]) == student])
        return _answer([one for one in site.contacts if school in (DISTRICT_WIDE, str(one["SchoolCode"]))])


def _students(site: AeriesSite, request: Request) -> list[Json]:
    """Those of a school: all, or by StudentID (0 is all), StudentNumber or grade."""
    about = request.path_params
    found = [one for one in site.students if str(one["SchoolCode"]) == about["school"]]
    found = [one for one in found if about.get("student") in (None, DISTRICT_WIDE, str(one["StudentID"]))]
    for name, field in (("grade", "Grade"), ("number", "StudentNumber")):
        if name in about:
            found = [one for one in found if str(one[field]) == about[name]]
    return found


def _as_before(body: Any) -> Any:
    """As versions before the fifth said it: PermanentID for StudentID."""
    if isinstance(body, list):
        return [_as_before(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {"PermanentID" if name == "StudentID" else name: _as_before(one) for name, one in body.items()}


def _answer(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type=JSON)


def _failure(status: int, message: str) -> Response:
    return Response(orjson.dumps({"Message": message}), status, media_type=JSON)
