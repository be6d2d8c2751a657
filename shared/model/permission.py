"""Who may do what: the table of design section 6, as data. Source: product facts, section 2 (P1 to P8, G1 to G4)."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """Permissions as Enroll names them."""

    FULL = "Sync Service Full Access"
    LIMITED = "Sync Service Limited Access"
    VIEW_REGISTRATIONS = "View Registrations"
    EDIT_REGISTRATIONS = "Edit Registrations"
    EDIT_ADMINISTRATORS = "Edit Administrators"
    OPERATOR = "Sync Service Operator"


class Deed(StrEnum):
    """What somebody asks to do."""

    VIEW = "view"
    MANAGE_CONNECTION = "manage connection"
    MAP_IMPORT = "map import"
    IMPORT = "import"
    DECIDE = "approve or reject run"
    MAP_EXPORT = "map export"
    VIEW_EXPORT = "view export"
    EXPORT = "export"
    OPERATE = "operate"
    """See and decide about failed messages of every organization."""


LIMITED_IMPORTS = frozenset({"schools", "programs", "students", "applications", "cutoff_numbers"})


_EXPORTS = {
    Deed.MAP_EXPORT: (),
    Deed.VIEW_EXPORT: (Permission.VIEW_REGISTRATIONS,),
    Deed.EXPORT: (Permission.VIEW_REGISTRATIONS, Permission.EDIT_REGISTRATIONS),
}
"""What an export needs beside Full Access: its files and records show registrations, and running it changes them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is acting, and for which organization."""

    org: str
    user: str


def refusal(deed: Deed, data_type: str, held: Set[str]) -> str | None:
    """Why a user who holds these permissions may not do this, or None if they may."""
    if deed in _EXPORTS:
        lacks = [one for one in (Permission.FULL, *_EXPORTS[deed]) if one not in held]
        return f"This needs {' and '.join(lacks)}." if lacks else None
    if deed is Deed.OPERATE:
        return None if Permission.OPERATOR in held else f"This needs {Permission.OPERATOR}."
    if deed is Deed.MANAGE_CONNECTION:
        return None if Permission.FULL in held else f"This needs {Permission.FULL}."
    if deed is Deed.VIEW or data_type in LIMITED_IMPORTS:
        if held & {Permission.FULL, Permission.LIMITED}:
            return None
        return f"This needs {Permission.FULL} or {Permission.LIMITED}."
    if Permission.FULL not in held:
        return f"This needs {Permission.FULL}."
    if data_type == "admin_users" and Permission.EDIT_ADMINISTRATORS not in held:
        return f"This needs {Permission.EDIT_ADMINISTRATORS} as well."
    return None
