"""Names of Skyward with what hangs on them: phones, e-mails, addresses. Each is looked for before it is made.

Source: SIS facts, 3.6 and 3.7.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.adapters.sis_values import same_digits
from shared.adapters.skyward.codes import Codes
from shared.adapters.skyward.objects import Objects, Row

NAME: Final = "Demographics/Name"
PHONE: Final = "Demographics/NamePhone"
EMAIL: Final = "Demographics/NameEmail"
KEY: Final = "ExternalUniqueIdentifier"


class People:
    """`keyed`: whether names that are made carry a key of ours."""

    def __init__(self, objects: Objects, codes: Codes, *, keyed: bool) -> None:
        self._objects = objects
        self._codes = codes
        self._keyed = keyed

    async def named(self, key: str, values: Mapping[str, Any]) -> str:
        """The id of the name that carries our `key`, made if there is none."""
        if self._keyed:
            found = await self._objects.find(NAME, [KEY], **{KEY: key})
            if found:
                return str(found[0]["NameID"])
            values = {**values, KEY: key}
        return await self._objects.create(NAME, values)

    async def phones(self, names: Sequence[Any]) -> dict[str, list[Row]]:
        """By name, in the order of their ranks."""
        return _by_name(await self._objects.among(PHONE, ["NameID", "PhoneNumber", "Rank"], "NameID", names))

    async def emails(self, names: Sequence[Any]) -> dict[str, list[Row]]:
        return _by_name(await self._objects.among(EMAIL, ["NameID", "EmailAddress", "Rank"], "NameID", names))

    async def set_phone(self, name: str, rank: int, number: str, held: Sequence[Row]) -> None:
        """The phone of a rank, counted from 1. Raises ObjectRefused."""
        row = held[rank - 1] if rank <= len(held) else None
        if row is not None and same_digits(number, row.get("PhoneNumber")) == number:
            return
        if row is not None:
            await self._objects.change(PHONE, str(row["NamePhoneID"]), {"PhoneNumber": number})
            return
        kind = await self._codes.first("phone type", *(("Cell", "Mobile") if rank == 1 else ("Home",)))
        values = {"NameID": int(name), "PhoneNumber": number, "PhoneTypeID": kind, "Rank": len(held) + 1}
        await self._objects.create(PHONE, values)

    async def set_email(self, name: str, address: str, held: Sequence[Row]) -> None:
        """Raises ObjectRefused."""
        if held and str(held[0].get("EmailAddress") or "").casefold() == address.casefold():
            return
        if held:
            await self._objects.change(EMAIL, str(held[0]["NameEmailID"]), {"EmailAddress": address})
            return
        kind = await self._codes.first("email type", "Home")
        values = {"NameID": int(name), "EmailAddress": address, "EmailTypeID": kind, "Rank": 1}
        await self._objects.create(EMAIL, values)


def _by_name(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda one: one.get("Rank") or 99):
        found.setdefault(str(row["NameID"]), []).append(row)
    return found
