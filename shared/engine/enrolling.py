"""What a new student of a SIS gets where the mapping does not say: school, entry and exit date, status."""

from datetime import date

from shared.mapping.registrations import SCHOOL
from shared.model.catalog import Catalog
from shared.model.connection import ExportRules
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
