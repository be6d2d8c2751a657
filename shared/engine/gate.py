"""Gate keeping: decided from Enroll's own answer about who acts, before anything is emitted, and audited either way."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from shared.adapters.enroll import EnrollDirectory, EnrollSettings
from shared.model.error_texts import said
from shared.model.errors import NotFound, Refused
from shared.model.permission import Deed, Identity, refusal
from shared.store.database import Store
from shared.telemetry.metrics import DECISIONS

log = structlog.get_logger()

UNKNOWN = "Enroll does not know this organization."
T = TypeVar("T")


class Gate:
    """Keeps Enroll's answers for a few seconds. Every decision is written to the audit log of the organization."""

    def __init__(self, store: Store, directory: EnrollDirectory, cache_seconds: float) -> None:
        self._store = store
        self._directory = directory
        self._cache_seconds = cache_seconds
        self._cache: dict[tuple[str, ...], tuple[float, object]] = {}

    async def pass_(
        self, who: Identity, deed: Deed, *, data_type: str = "", school_year: int | None = None, subject: str = ""
    ) -> None:
        """Return if `who` may do this now.

        Raises:
            Refused: they may not; the message says what it needs.
            Unavailable: Enroll does not answer, so nobody knows; nothing is decided.
        """
        why = await self.why_not(who, deed, data_type=data_type, school_year=school_year)
        await self.note(who, deed, subject or data_type, why)
        if why is not None:
            raise Refused(*said("permission.refused", why=why))

    async def why_not(
        self, who: Identity, deed: Deed, *, data_type: str = "", school_year: int | None = None
    ) -> str | None:
        """Why they may not; None if they may. To be noted, whatever it is. Raises Unavailable."""
        why = refusal(deed, data_type, await self.held(who))
        if why is None and deed is Deed.IMPORT and school_year is not None:
            why = await self._year(who.org, school_year)
        if why is None and deed is Deed.EXPORT:
            why = await self._module(who.org)
        return why

    async def held(self, who: Identity) -> frozenset[str]:
        """The permissions that Enroll says they have. Raises Unavailable."""
        return await self._remembered(("user", who.org, who.user), lambda: self._permissions(who))

    async def note(self, who: Identity, deed: Deed, subject: str, why: str | None) -> None:
        """Into the audit log: a refusal, or that it was permitted."""
        outcome = "allowed" if why is None else "refused"
        await self._store.org(who.org).audit.add(
            actor=who.user, deed=deed.value, subject=subject, allowed=why is None, why=why or "permitted"
        )
        DECISIONS.labels(deed.value, outcome).inc()
        log.info("decision", action="gate", deed=deed.value, outcome=outcome, org=who.org)

    async def refused(self, who: Identity, deed: str, subject: str, why: str) -> None:
        """Audit a refusal that was decided elsewhere, such as an id of another organization."""
        await self._store.org(who.org).audit.add(actor=who.user, deed=deed, subject=subject, allowed=False, why=why)

    async def _permissions(self, who: Identity) -> frozenset[str]:
        return await self._directory.permissions(who.org, who.user)

    async def _year(self, org: str, school_year: int) -> str | None:
        settings = await self.settings(org)
        if settings is None:
            return UNKNOWN
        if school_year in settings.import_years:
            return None
        return f'"Enable Sync Import for Year {school_year}" is off in Enroll (Settings > General).'

    async def _module(self, org: str) -> str | None:
        settings = await self.settings(org)
        if settings is None:
            return UNKNOWN
        return None if settings.registration_module else "Enroll's Registration module is off for this organization."

    async def settings(self, org: str) -> EnrollSettings | None:
        """What Enroll says of the organization; None where it knows of none. Raises Unavailable."""
        try:
            return await self._remembered(("org", org), lambda: self._directory.settings(org))
        except NotFound:
            return None

    async def _remembered(self, key: tuple[str, ...], ask: Callable[[], Awaitable[T]]) -> T:
        now = time.monotonic()
        found = self._cache.get(key)
        if found is not None and now - found[0] < self._cache_seconds:
            return found[1]  # type: ignore[return-value]
        answer = await ask()
        if len(self._cache) > 10_000:
            self._cache.clear()
        self._cache[key] = (now, answer)
        return answer
