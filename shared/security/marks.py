"""The mark that every form of a session carries, by which one knows later whose form it was.

It opens nothing: a change needs the very mark of the session that is signed in.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from shared.model.error_texts import said
from shared.model.errors import BadSettings
from shared.model.permission import Identity

_BYTES: Final = 16


class Marks:
    """Made with the first of the keys, known by any of them: `nonce.organization.person.proof`, without a name in it.

    Raises:
        BadSettings: no key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise BadSettings(*said("secrets.no_key"))
        self._keys = [hashlib.sha256(b"form marks|" + key.encode()).digest() for key in keys]

    def new(self, who: Identity) -> str:
        key, nonce = self._keys[0], secrets.token_urlsafe(_BYTES)
        about = f"{nonce}.{_org(key, who)}.{_person(key, who)}"
        return f"{about}.{_proof(key, about)}"

    def is_ours(self, mark: str) -> bool:
        """Whether a page of ours carried it, for whomever."""
        return self._key_of(mark) is not None

    def is_of(self, mark: str, who: Identity) -> bool:
        """Whether a page of ours carried it for this person, in whichever session."""
        key = self._key_of(mark)
        return key is not None and hmac.compare_digest(mark.split(".")[2], _person(key, who))

    def is_of_another_org(self, mark: str, who: Identity) -> bool:
        """Whether a page of ours carried it, but not in this person's organization."""
        key = self._key_of(mark)
        return key is not None and not hmac.compare_digest(mark.split(".")[1], _org(key, who))

    def _key_of(self, mark: str) -> bytes | None:
        about, _, proof = mark.rpartition(".")
        if not mark.isascii() or about.count(".") != 2:
            return None
        return next((key for key in self._keys if hmac.compare_digest(proof, _proof(key, about))), None)


def _org(key: bytes, who: Identity) -> str:
    return _digest(key, f"org|{who.org}")


def _person(key: bytes, who: Identity) -> str:
    return _digest(key, f"person|{len(who.org)}|{who.org}|{who.user}")


def _proof(key: bytes, about: str) -> str:
    return _digest(key, f"proof|{about}")


def _digest(key: bytes, text: str) -> str:
    whole = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(whole[:_BYTES]).decode().rstrip("=")
