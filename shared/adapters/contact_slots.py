"""The contacts of one student in a SIS, as far as all of them are alike: each slot is matched, then saved by itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from shared.adapters.contact_match import Known, pair, wanted
from shared.model.contacts import contact_name
from shared.model.error_texts import said
from shared.model.label import label_of
from shared.model.record import Problem, Values

WHY_MOST = 300


class SlotContacts(ABC):
    """Those of one student, as the SIS has them now."""

    @abstractmethod
    def _known(self) -> Mapping[str, Known]:
        """How those that the SIS has are known, by id."""

    @abstractmethod
    async def _save(self, slot: int, asked: Known, one: Values, id: str | None) -> str:
        """Create the contact, or change what differs in this one; what the SIS says against it, or blank."""

    async def save(self, slots: Mapping[int, Values]) -> list[Problem]:
        """Create or change what differs; says which contacts could not be saved, and why."""
        asked = wanted(slots)
        places = pair(asked, self._known())
        found = [await self._against(slot, asked[slot], slots[slot], places.get(slot)) for slot in asked]
        return [problem for problem in found if problem]

    async def _against(self, slot: int, asked: Known, one: Values, id: str | None) -> Problem | None:
        who = label_of((one.get("FirstName"), one.get("LastName")))
        if not str(one.get("LastName") or "").strip():
            return Problem(*said("contact.no_last_name", slot=slot), contact_name(slot, "LastName"), value=who)
        why = await self._save(slot, asked, one, id)
        if not why:
            return None
        return Problem(*said("contact.refused", slot=slot, why=why[:WHY_MOST]), contact_name(slot, ""), value=who)
