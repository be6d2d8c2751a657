"""Values on their way into a SIS, and as it gives them back."""

from collections.abc import Mapping
from typing import Any

from shared.model.catalog import Catalog
from shared.model.record import Change, Values


def typed(about: Catalog, texts: Mapping[str, str]) -> Values:
    """Texts as the catalog's types; blank is None. What cannot be one stays a text."""
    return {name: _typed(about.fields[name].type, text) for name, text in texts.items() if name in about.fields}


def _typed(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind in ("integer", "flag"):
        try:
            return int(text)
        except ValueError:
            return text
    return text[:10] if kind == "date" else text


def written(value: Any) -> str:
    """A blank clears the field."""
    return "" if value is None else str(value)


def dropped(change: Change, held: Values) -> set[str]:
    """Fields that a SIS has ignored: they are as they were. One that it has put into a form of its own was taken."""
    return {
        name
        for name, value in held.items()
        if change.values.get(name) not in (None, value) and value == change.before.get(name)
    }


def same_digits(wanted: Any, held: Any) -> Any:
    """`wanted` where `held` is the same phone number in another form: SISs keep the first ten digits alone."""
    mine, theirs = ("".join(one for one in str(phone or "") if one.isdigit()) for phone in (wanted, held))
    return wanted if theirs and mine[:10] == theirs[:10] else held
