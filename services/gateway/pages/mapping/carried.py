"""A draft as a form carries it along: packed, so that what was typed into the form can be put together with another."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import orjson
from pydantic import ValidationError

from shared.model.draft import Draft

LONGEST: Final = 256 * 1024
"""Characters. What packs into more goes along with no form."""
LARGEST: Final = 4 * 1024 * 1024
"""Bytes, unpacked: as much as may be sent at once."""


def carried(draft: Draft) -> str:
    """Blank where it is too large."""
    text = urlsafe_b64encode(zlib.compress(orjson.dumps(draft.model_dump(mode="json")))).decode()
    return text if len(text) <= LONGEST else ""


def given_back(text: str) -> Draft | None:
    """None where this is no draft, or too large a one."""
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(urlsafe_b64decode(text.encode("ascii")), LARGEST)
        return Draft.model_validate(orjson.loads(content)) if unpacking.eof else None
    except (ValueError, zlib.error, ValidationError):
        return None
