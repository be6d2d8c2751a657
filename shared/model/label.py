"""What a record is called: the name by which people know it. Personal data: kept and shown with it, never logged."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

MOST_CHARS: Final = 200
_APOSTROPHES: Final = re.compile("['\u2018\u2019\u02bc]")


def label_of(parts: Iterable[object]) -> str:
    """Those of the parts that are not blank, one after the other. What UTF-8 cannot hold is replaced."""
    text = " ".join(str(one or "") for one in parts)
    return " ".join(text.encode("utf-8", "replace").decode().split())[:MOST_CHARS]


def plain(text: str) -> str:
    """As it is searched: small letters, no accents, no apostrophes."""
    if not text.isascii():
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return _APOSTROPHES.sub("", text).casefold()
