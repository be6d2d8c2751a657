"""What Test connection has found, in words."""

from collections.abc import Mapping
from typing import Any, Final

from services.gateway.pages.words import KINDS, plural
from shared.model.kind import Kind

COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "matching_files": ("file that would be taken", "files that would be taken"),
    "schools": ("school",),
    "students": ("student",),
}


def findings(found: Mapping[str, Any], kind: Kind) -> list[str]:
    """Which version of what answers, and how many of each it has, where it says so."""
    version = [f"{KINDS[kind]} version {found['version']} answers"] if found.get("version") else []
    held = {name: found[name] for name in COUNTED if type(found.get(name)) is int}
    return [*version, *(plural(count, *COUNTED[name]) for name, count in held.items())]
