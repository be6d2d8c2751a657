"""What a new student of a SIS gets where the mapping does not say: school, entry and exit date, status."""

from datetime import date

from shared.mapping.registrations import SCHOOL
from shared.model.catalog import Catalog, Field
from shared.model.export_rules import ExportRules
from shared.model.record import Values


def enrolling(values: Values, about: Catalog, rules: ExportRules, today: date) -> Values:
    """By the rules of the catalog and the connection. A catalog without rules adds nothing."""
    school = str(values.get(SCHOOL) or "")
    made = {
        "school": school,
        "entry_date": rules.entry_date(school, today).isoformat(),
        "exit_date": rules.end_date,
        "status": about.statuses.get(rules.new_students, ""),
    }
    ruled = {name: made[field.rule] for name, field in about.fields.items() if field.rule}
    return {name: value for name, value in ruled.items() if value and values.get(name) is None}


def left_open(about: Catalog, rules: ExportRules) -> tuple[Field, ...]:
    """What no student can be created without, of the fields that the rules of the connection fill: where those do not
    say it, and neither does the mapping. A day to enter and a school there always are, of a registration with one."""
    return tuple(one for one in fed_by_rules(about) if not rules.end_date)


def fed_by_rules(about: Catalog) -> tuple[Field, ...]:
    """The fields without which no student can be created that a rule fills only where somebody has given it."""
    return tuple(one for one in about.fields.values() if one.create and one.rule == "exit_date")
