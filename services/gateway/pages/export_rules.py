"""The export rules of a connection as a form: how registrations become students of the SIS."""

from dataclasses import replace
from typing import Any, Final

from services.gateway.pages.fields import Field, Form, lines
from services.gateway.pages.words import kind
from shared.engine.enrolling import fed_by_rules
from shared.model.connection import Connection
from shared.model.export_rules import ExportRules

MATCHES: Final = (
    ("student_id", "Student ID"),
    ("state_id", "State ID"),
    ("name_and_birth_date", "First name, last name and birth date"),
)
NOT_THEN: Final = (("", "Nothing more"), *MATCHES)
DATE: Final = "Use a day such as 2026-08-10."
STARTS: Final = "Write a school code, a space and a day on each line, such as 100 2026-08-12."
LAST_DAY: Final = "exports.end_date"
RULES: Final = (
    Field(
        "match.1",
        "A student who is in the SIS already is found by",
        "menu",
        hint="Only a student whom none of these finds is created.",
        options=MATCHES,
        required=True,
    ),
    Field("match.2", "then by", "menu", options=NOT_THEN, required=True),
    Field("match.3", "and then by", "menu", options=NOT_THEN, required=True),
    Field(
        "exports.new_students",
        "New students are",
        "one",
        options=(
            ("active", "active"),
            ("pre_enrolled", "pre-enrolled, for the time before the SIS rolls over"),
        ),
    ),
    Field(
        "exports.start_date",
        "First day of school",
        "date",
        hint="A new student enters on this day; once it is past, on the day of the export.",
        says=DATE,
    ),
    Field(
        "exports.school_starts",
        "Schools that start on another day",
        "lines",
        hint="School code and day, one school on each line: 100 2026-08-12.",
        says=STARTS,
    ),
    Field(LAST_DAY, "Last day of school", "date"),
)
TWICE: Final = "This is there already. Choose another one, or Nothing more."


def rules_of(connection: Connection) -> tuple[Field, ...]:
    """What can be edited of it; where its SIS creates nobody without the last day of school, that is said."""
    fed = fed_by_rules(connection.export_catalog)
    if not fed:
        return RULES
    labels = " and ".join(one.label for one in fed)
    hint = f"{kind(connection)} takes no new student without it. It fills {labels}, unless the mapping does."
    return tuple(
        replace(one, hint=hint, aside="needed for new students") if one.name == LAST_DAY else one for one in RULES
    )


def to_typed(rules: ExportRules) -> dict[str, Any]:
    """What stands in the form."""
    starts = [f"{one.school} {one.date}" for one in rules.school_starts]
    match = {str(place): (*rules.match, "", "")[place - 1] for place in (1, 2, 3)}
    return {"match": match, "exports": {**rules.model_dump(), "school_starts": starts}}


def from_typed(form: Form) -> dict[str, Any]:
    """What the API takes. What is wrong is noted in the form."""
    chosen = [form.typed[f"match.{place}"] for place in (1, 2, 3)]
    for place, one in enumerate(chosen):
        if one and one in chosen[:place]:
            form.wrong[f"match.{place + 1}"] = TWICE
    starts = []
    for line in lines(form.typed["exports.school_starts"]):
        school, _, day = line.rpartition(" ")
        starts.append({"school": school.strip(), "date": day})
    exports = form.nested()["exports"]
    return {"exports": {**exports, "match": [one for one in chosen if one], "school_starts": starts}}
