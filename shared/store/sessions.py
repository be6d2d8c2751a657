"""Who is signed in at the dashboard. Whoever reads the database can sign in as nobody: cookies are kept as digests."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.model.permission import Identity
from shared.store.scoped import Collection, Document, Duplicate

SEEN_EVERY: Final = timedelta(seconds=60)
"""How often a session that is in use is written to."""
MOST_SEARCHES: Final = 30
"""How many are kept of a session, the latest."""


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` is what every form of this session carries; `name` and `org_name` are what Enroll calls them.

    `searches` has by token what was searched for, which may be somebody's name.
    """

    id: str
    who: Identity
    name: str
    org_name: str
    csrf: str
    searches: Mapping[str, str] = field(default_factory=dict)


class Sessions:
    """Across organizations: it is by the session that the organization is known."""

    def __init__(self, sessions: Collection, redeemed: Collection, *, idle: timedelta, longest: timedelta) -> None:
        self._sessions = sessions
        self._redeemed = redeemed
        self._idle = idle
        self._longest = longest

    async def redeem(self, token: str, until: datetime) -> bool:
        """Whether this is the first use of a token, which is good until then at the latest."""
        try:
            await self._redeemed.insert({"_id": _digest(token), "gone_at": until})
        except Duplicate:
            return False
        return True

    async def open(self, who: Identity, name: str, org_name: str, csrf: str) -> str:
        """The cookie of a new session, whose forms carry the mark `csrf`."""
        cookie, now = secrets.token_urlsafe(32), datetime.now(UTC)
        await self._sessions.insert(
            {
                "_id": _digest(cookie),
                "org": who.org,
                "user": who.user,
                "name": name,
                "org_name": org_name,
                "csrf": csrf,
                "seen_at": now,
                "gone_at": now + self._longest,
            }
        )
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """None where it is unknown, was closed, or has been idle or open for too long."""
        now = datetime.now(UTC)
        found = await self._sessions.get(self._open_at(now, _digest(cookie)))
        if found is None:
            return None
        if now - found["seen_at"] > min(SEEN_EVERY, self._idle / 4):
            await self._sessions.update({"_id": found["_id"]}, {"$max": {"seen_at": now}})
        return _session(found)

    async def is_open(self, id: str) -> bool:
        """Whether it would be found now; to ask is not to use it."""
        return await self._sessions.get(self._open_at(datetime.now(UTC), id), ["_id"]) is not None

    async def keep_search(self, id: str, text: str) -> str:
        """What is searched for, for as long as the session lasts. Returns a token that says nothing of it."""
        token = secrets.token_urlsafe(16)
        latest = {"$each": [{"token": token, "text": text}], "$slice": -MOST_SEARCHES}
        await self._sessions.update({"_id": id}, {"$push": {"searches": latest}})
        return token

    def _open_at(self, now: datetime, id: str) -> Document:
        return {"_id": id, "gone_at": {"$gt": now}, "seen_at": {"$gt": now - self._idle}}

    async def close(self, id: str) -> None:
        await self._sessions.delete({"_id": id})


def _session(found: Document) -> Session:
    who = Identity(found["org"], found["user"])
    searches = {one["token"]: one["text"] for one in found.get("searches", ())}
    return Session(found["_id"], who, found["name"], found["org_name"], found["csrf"], searches)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
