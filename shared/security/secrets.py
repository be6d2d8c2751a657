"""Credentials at rest: encrypted with the first of a set of Fernet keys, readable with any of them."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.model.error_texts import said
from shared.model.errors import BadSettings


class SecretBox:
    """Seals and opens texts. Rotate by putting a new key first; drop the old one when `reseal` has been run over all.

    Raises:
        BadSettings: no key, or a key that is not 32 url-safe base64 bytes.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise BadSettings(*said("secrets.no_key"))
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise BadSettings(*said("secrets.bad_key")) from None

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Raises BadSettings when none of the keys fits."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise BadSettings(*said("secrets.unreadable")) from None

    def reseal(self, sealed: bytes) -> bytes:
        """The same secret under the newest key. Raises BadSettings when none of the keys fits."""
        return self.seal(self.open(sealed))
