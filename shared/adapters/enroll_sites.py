"""Enroll's sites: production, and a sandbox where the deployment has one. Each has its own address, token and data."""

from typing import Final

import httpx

from shared.adapters.enroll import EnrollDirectory
from shared.model.codes import NO_SETS, CodeSets
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound

PRODUCTION: Final[Instance] = "production"


class EnrollSites:
    """What belongs to a connection goes to the site of its instance, and never to the other one.

    Who people are and what they may do is production's alone: it is there that they sign in.
    """

    def __init__(self, production: httpx.AsyncClient, sandbox: httpx.AsyncClient | None = None) -> None:
        self._clients: dict[Instance, httpx.AsyncClient] = {PRODUCTION: production}
        if sandbox is not None:
            self._clients["sandbox"] = sandbox

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Those that there are, production first."""
        return tuple(self._clients)

    def client(self, instance: Instance) -> httpx.AsyncClient:
        """Raises BadSettings where the deployment has no such site."""
        found = self._clients.get(instance)
        if found is None:
            raise BadSettings(*said("enroll.no_sandbox"))
        return found

    def directory(self, instance: Instance = PRODUCTION) -> EnrollDirectory:
        """Raises BadSettings where the deployment has no such site."""
        return EnrollDirectory(self.client(instance))

    async def codes(self, org: str, instance: Instance) -> CodeSets:
        """Field codes of an organization; none of one that this Enroll does not know: it will say so itself."""
        try:
            return await self.directory(instance).field_codes(org)
        except NotFound:
            return NO_SETS

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()
