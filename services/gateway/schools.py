"""The schools of Enroll, and whether it knows the codes that a connection or an export is to be about."""

import asyncio
from collections.abc import Collection
from typing import Final

from services.gateway.context import Call
from shared.model.codes import Code
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, SyncError, Unavailable

CODES: Final = "schools"
"""The set of Enroll's field codes that holds them (docs/enroll-api.md)."""
PATIENCE: Final = 10.0
"""Seconds: somebody waits for the page."""
NAMED: Final = 10
"""As many of the unknown codes are named."""


async def enroll_schools(call: Call, instance: Instance) -> tuple[Code, ...]:
    """Schools of the organization in this Enroll. Raises NotFound where it does not tell them, and Unavailable."""
    try:
        async with asyncio.timeout(PATIENCE):
            sets = await call.field_codes(instance)
    except TimeoutError:
        raise Unavailable(*said("enroll.unavailable", why="does not answer")) from None
    if CODES not in sets:
        raise NotFound(*said("enroll.no_schools"))
    return sets[CODES]


async def compared(call: Call, instance: Instance, codes: Collection[str]) -> bool:
    """Whether Enroll said that it knows them all; false where it could not be asked.

    Raises:
        BadSettings: it does not know some of them.
    """
    if not codes:
        return True
    try:
        known = {one.code for one in await enroll_schools(call, instance)}
    except SyncError:
        return False
    unknown = [one for one in codes if one not in known]
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        raise BadSettings(*said("connection.school_unknown", codes=", ".join(unknown[:NAMED]) + more))
    return True


def by_name(schools: Collection[Code]) -> list[Code]:
    return sorted(schools, key=lambda one: (one.label, one.code))


def named(school: Code) -> tuple[str, str]:
    """The code, and what people read in its place."""
    code, label = school.code, school.label
    return code, f"{label} ({code})" if label not in ("", code) else code
