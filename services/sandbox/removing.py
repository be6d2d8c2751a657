"""What hangs on a record, so that Enroll does not remove it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.sandbox.world import Organization

OF_PROGRAMS = ("applications", "cutoff_numbers", "seat_tracker_mapping")


def student_is_in_use(org: "Organization", position: int) -> bool:
    """Registrations, and applications to any program."""
    registered = any(one.student == position for one in org.registrations.all)
    return registered or any(parts[1] == position for parts in _parts(org, "applications"))


def record_is_in_use(org: "Organization", data_type: str, id: int) -> bool:
    """Programs and registrations of a school; what belongs to a program, and the people who may see it."""
    if data_type == "schools":
        school = org.tables["schools"].by_id(id)
        code = school.shared.get("schools.school_code") if school else None
        registered = any(one.school_code == code for one in org.registrations.all)
        return registered or any(parts[0] == id for parts in _parts(org, "programs"))
    if data_type == "programs":
        people = [one.shared for one in org.tables["admin_users"].records]
        seen = any(id in (ids or ()) for one in people for name, ids in one.items() if "programs.id" in name)
        return seen or id in org.forms or any(parts[0] == id for name in OF_PROGRAMS for parts in _parts(org, name))
    return False


def _parts(org: "Organization", data_type: str) -> list[Any]:
    return [one.identity for one in org.tables[data_type].records]
