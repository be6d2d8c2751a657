"""The home address of a Skyward name, which is spread over four tables. Source: SIS facts, 3.6."""

from typing import Any, Final

from shared.adapters.skyward.objects import Objects, Row
from shared.model.record import Values

LINK: Final = "Demographics/NameAddress"
ADDRESS: Final = "Demographics/Address"
ZIP: Final = "Demographics/Zip"
STREET: Final = "Demographics/Street"
FIELDS: Final = ("Address.Street", "Address.City", "Address.State", "Address.Zip")


class Addresses:
    """An address may belong to a whole family, so a new one is made and the name moves to it; nothing is changed."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def of(self, name: str) -> Values:
        """The home address under the names of its fields; nothing where there is none."""
        link = await self._link(name)
        if link is None:
            return {}
        row = await self._objects.read(
            ADDRESS, str(link["AddressID"]), ["FreeformAddress", "StreetNumber", "StreetID", "ZipID", "POBox"]
        )
        return await self._values(row or {})

    async def save(self, name: str, wanted: Values) -> None:
        """Raises ObjectRefused."""
        values: dict[str, Any] = {"FreeformAddress": str(wanted.get("Address.Street") or "")}
        place = await self._zip(str(wanted.get("Address.Zip") or ""), str(wanted.get("Address.City") or ""))
        if place is not None:
            values["ZipID"] = place["ZipID"]
        else:  # a place that the SIS does not know is written out
            rest = " ".join(str(wanted[field]) for field in FIELDS[1:] if wanted.get(field))
            values["FreeformAddress"] = f"{values['FreeformAddress']}, {rest}".strip(", ")
        link = await self._link(name)
        address = await self._objects.create(ADDRESS, values)
        if link is None:
            about = {"NameID": int(name), "AddressID": int(address), "IsMailing": True, "IsPhysical": True}
            await self._objects.create(LINK, about)
        else:
            await self._objects.change(LINK, str(link["NameAddressID"]), {"AddressID": int(address)})

    async def _link(self, name: str) -> Row | None:
        rows = await self._objects.find(LINK, ["NameID", "AddressID", "IsPhysical"], NameID=int(name))
        return next((one for one in rows if one.get("IsPhysical")), None)

    async def _values(self, row: Row) -> Values:
        street = row.get("FreeformAddress")
        if not street and row.get("POBox"):
            street = f"PO Box {row['POBox']}"
        if not street and row.get("StreetID"):
            named = await self._objects.read(STREET, str(row["StreetID"]), ["Name"]) or {}
            street = f"{row.get('StreetNumber') or ''} {named.get('Name') or ''}".strip()
        place: Row = {}
        if row.get("ZipID"):
            place = await self._objects.read(ZIP, str(row["ZipID"]), ["ZipCode", "City", "State.Code"]) or {}
        return {
            "Address.Street": street or None,
            "Address.City": place.get("City"),
            "Address.State": place.get("State.Code"),
            "Address.Zip": place.get("ZipCode"),
        }

    async def _zip(self, code: str, city: str) -> Row | None:
        if not code:
            return None
        rows = await self._objects.find(ZIP, ["ZipCode", "City"], ZipCode=code[:5])
        by_city = [one for one in rows if str(one.get("City") or "").casefold() == city.casefold()]
        return next(iter(by_city or rows), None)
