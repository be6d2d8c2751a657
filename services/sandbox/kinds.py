"""The data types beside students: schools, programs, applications, cutoff numbers, admin users, the seat tracker."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.sandbox.tables import Identity, Kind, Record, Refused, Values
from services.sandbox.validation import Problem, problem
from shared.mapping.transformations.letters import plain_letters

if TYPE_CHECKING:
    from services.sandbox.world import Organization

PERSON = ("students.fname", "students.lname", "students.dob")


class Schools(Kind):
    data_type = "schools"

    def identity(self, org: "Organization", given: Values, year: int) -> Identity:
        return given.get("schools.school_code")

    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        annual = record.annual.get(year, {})
        yield from _known(record.shared, "schools.school_group_id", org.spec.school_groups, "school_group")
        yield from _known(annual, "school_annual.level_id", org.spec.school_levels, "school_level")
        yield from _grades(org, annual, "school_annual.enrollgrades")


class Programs(Kind):
    data_type = "programs"
    own_fields = frozenset({"programs.school_id", "schools.school_code"})

    def identity(self, org: "Organization", given: Values, year: int) -> Identity:
        school = given.get("programs.school_id")
        if given.get("schools.school_code") is not None:
            by_code = org.tables["schools"].look_up(year, "schools.school_code", [given["schools.school_code"]], [])
            school = next((int(one["id"]) for one in by_code), None)
        if school is None or org.tables["schools"].by_id(school) is None:
            raise Refused("school.unknown", "programs.school_id", "There is no such school in Enroll.")
        return school, (given.get("programs.title") or "").casefold()

    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        record.shared["programs.school_id"] = _parts(record)[0]
        record.shared.pop("schools.school_code", None)
        yield from _known(record.shared, "programs.category_id", org.spec.program_categories, "program_category")
        yield from _grades(org, record.annual.get(year, {}), "program_annual.acceptgrades")

    def referred(self, org: "Organization", record: Record) -> dict[str, Any]:
        school = org.tables["schools"].by_id(record.shared.get("programs.school_id"))
        return {"schools.school_code": school.shared.get("schools.school_code") if school else None}


class OfProgram(Kind):
    """Something of a program in a school year: the program by its id or, where only one has it, its name."""

    per_year = True
    table: str

    def identity(self, org: "Organization", given: Values, year: int) -> Identity:
        return (_program(org, given, self.table), *self.rest(org, given))

    def rest(self, org: "Organization", given: Values) -> tuple[Any, ...]:
        """What else makes the record the one it is."""
        return (given.get(f"{self.table}.grade"),)

    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        program, grade = org.tables["programs"].by_id(_parts(record)[0]), _parts(record)[1]
        offered = program.annual.get(year, {}).get("program_annual.acceptgrades") if program else None
        if offered and str(grade) not in offered:
            yield problem("grade.not_offered", f"{self.table}.grade", "The program does not take this grade.")

    def referred(self, org: "Organization", record: Record) -> dict[str, Any]:
        program = org.tables["programs"].by_id(_parts(record)[0])
        return {
            f"{self.table}.program_id": _parts(record)[0],
            f"{self.table}.program_name": program.shared.get("programs.title") if program else None,
            f"{self.table}.grade": _parts(record)[1],
        }


class CutoffNumbers(OfProgram):
    data_type = "cutoff_numbers"
    table = "cutoff_numbers"

    def rest(self, org: "Organization", given: Values) -> tuple[Any, ...]:
        return given.get("cutoff_numbers.grade"), given.get("cutoff_numbers.lottery_group") or 0

    def referred(self, org: "Organization", record: Record) -> dict[str, Any]:
        return {**super().referred(org, record), "cutoff_numbers.lottery_group": _parts(record)[2]}


class SeatTracker(OfProgram):
    data_type = "seat_tracker_mapping"
    table = "seat_tracker"


class Applications(OfProgram):
    data_type = "applications"
    own_fields = frozenset({"applications.submitted_timestamp"})
    table = "applications"

    def rest(self, org: "Organization", given: Values) -> tuple[Any, ...]:
        for name in ("students.id", "students.student_district_id"):
            if given.get(name) is not None:
                position = org.students.find(name, str(given[name]))
                if position is not None:
                    return (position,)
        raise Refused("student.unknown", "students.student_district_id", "There is no such student in Enroll.")

    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        program, student = _parts(record)
        if program not in org.forms:
            yield problem("program.no_form", "applications.program_id", "The program has no application form yet.")
        held = org.students.show(student, year)["values"]
        wrong = [name for name in PERSON if name in sent and _plain(sent[name]) != _plain(held.get(name))]
        if wrong:
            yield problem(
                "student.another_person", wrong[0], "The student with this id has another name or birth date."
            )
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        record.shared.setdefault("applications.submitted_timestamp", now)

    def referred(self, org: "Organization", record: Record) -> dict[str, Any]:
        program, student = _parts(record)
        names = [name for name in self.about.fields if name.startswith("students.")]
        shown = org.students.show(student, 0)
        found = org.tables["programs"].by_id(program)
        return {
            **{name: shown["values"].get(name) for name in names},
            "students.id": int(shown["id"]),
            "applications.program_id": program,
            "applications.program_name": found.shared.get("programs.title") if found else None,
        }


class AdminUsers(Kind):
    data_type = "admin_users"
    own_fields = frozenset({"admin_users.email"})

    def identity(self, org: "Organization", given: Values, year: int) -> Identity:
        return str(given["admin_users.email"]).casefold()

    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        values = record.shared
        values.setdefault("admin_users.email", sent.get("admin_users.email"))
        yield from _known(values, "admin_users.group_id", org.spec.user_groups, "user_group")
        yield from _grades(org, values, "admin_users.all_programs_grades")
        lists = {name: ids for name, ids in values.items() if name.endswith("- programs.id") and ids}
        if values.get("admin_users.all_programs") == 0 and not lists:
            yield problem("programs.required", "1 - programs.id", "Without All Programs Access, programs are needed.")
        for name, ids in lists.items():
            if any(org.tables["programs"].by_id(one) is None for one in ids):
                yield problem("program.unknown", name, "There is no program with one of these ids.")


def every_kind() -> tuple[Kind, ...]:
    return Schools(), Programs(), Applications(), CutoffNumbers(), AdminUsers(), SeatTracker()


def _parts(record: Record) -> tuple[Any, ...]:
    assert isinstance(record.identity, tuple)  # noqa: S101 - the kinds that call this make tuples
    return record.identity


def _program(org: "Organization", given: Values, table: str) -> int:
    programs, field = org.tables["programs"], f"{table}.program_id"
    if given.get(field) is not None:
        found = programs.by_id(given[field])
        if found is None:
            raise Refused("program.unknown", field, "There is no program with this id in Enroll.")
        return found.id
    field = f"{table}.program_name"
    name = str(given.get(field) or "").casefold()
    ids = [one.id for one in programs.records if str(one.shared.get("programs.title")).casefold() == name]
    if not ids:
        raise Refused("program.unknown", field, "There is no program with this name in Enroll.")
    if len(ids) > 1:
        raise Refused("program.ambiguous", field, "Several programs have this name.")
    return ids[0]


def _known(values: Values, name: str, known: tuple[int, ...], what: str) -> Iterator[Problem]:
    if values.get(name) is not None and values[name] not in known:
        yield problem(f"{what}.unknown", name, f"There is no {what.replace('_', ' ')} with this id in Enroll.")


def _grades(org: "Organization", values: Values, name: str) -> Iterator[Problem]:
    known = {str(grade) for grade in org.spec.grades} | {"all"}
    if not known.issuperset(values.get(name) or ()):
        yield problem("grade.unknown", name, "There is no such grade in Enroll.")


def _plain(value: Any) -> str:
    text = str(value or "").strip().casefold()
    return plain_letters(text) if any(one.isalpha() for one in text) else text
