"""Searches as a JSON body describes them: conditions in groups, and an order. Keys may be written in any case.

Source: SIS facts, 3.5.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Get = Callable[[str], Any]
_COMPARING: Mapping[str, Callable[[Any, Any], bool]] = {
    "equal": lambda held, sought: bool(held == sought),
    "less": lambda held, sought: bool(held < sought),
    "lessequal": lambda held, sought: bool(held <= sought),
    "greater": lambda held, sought: bool(held > sought),
    "greaterequal": lambda held, sought: bool(held >= sought),
}
_TEXTUAL: Mapping[str, Callable[[str, str], bool]] = {
    "like": lambda held, sought: re.fullmatch(_pattern(sought), held, re.DOTALL) is not None,
    "begins": str.startswith,
    "contains": lambda held, sought: sought in held,
    "ends": str.endswith,
}
_LISTS = {"list": True, "notlist": False}
_NULLS = {"null": True, "notnull": False}


class Refusal(Exception):
    """A call that is refused: `status`, and a text for its body."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Search:
    """One search; no body at all finds everything."""

    def __init__(self, body: Any) -> None:
        given = _lowered(body or {})
        if not isinstance(given, dict):
            raise Refusal("The search is not an object.")
        self._condition = given.get("searchcondition") or {}
        self.sorts = [(str(one.get("fieldname")), bool(one.get("descending"))) for one in given.get("searchsort") or []]
        self.fields = [*_fields(self._condition), *(name for name, _ in self.sorts)]
        self.fits(lambda _: None)  # what cannot be understood is refused before there is a row

    def fits(self, get: Get) -> bool:
        return _fits(self._condition, get)


def _fits(node: Any, get: Get) -> bool:
    if not isinstance(node, dict):
        raise Refusal("A condition is not an object.")
    if not node:
        return True
    if "fieldname" in node:
        return _holds(node, get(str(node["fieldname"])))
    name, inner = next(iter(node.items()))
    if name != "searchconditiongroup":
        if not name.endswith("searchcondition") or not isinstance(inner, dict) or "fieldname" not in inner:
            raise Refusal(f"{name} is not a condition.")
        return _fits(inner, get)
    how = str(inner.get("conditiongrouptype", "and")).casefold()
    if how not in ("and", "or"):
        raise Refusal(f"{how} is not a type of group.")
    found = [_fits(one, get) for one in inner.get("conditions") or []]
    return any(found) if how == "or" else all(found)


def _holds(condition: Mapping[str, Any], held: Any) -> bool:
    kind = str(condition.get("conditiontype", "")).casefold()
    if kind in _NULLS:
        return (held is None) is _NULLS[kind]
    if kind in _LISTS:
        listed = condition.get("list")
        if not isinstance(listed, list):
            raise Refusal("A list is missing.")
        return any(_compared("equal", held, one) for one in listed) is _LISTS[kind]
    if kind.startswith("not") and kind[3:] in {"equal", *_TEXTUAL}:
        return not _compared(kind[3:], held, condition.get("value"))
    return _compared(kind, held, condition.get("value"))


def _compared(kind: str, held: Any, sought: Any) -> bool:
    if kind not in _COMPARING and kind not in _TEXTUAL:
        raise Refusal(f"{kind or 'nothing'} is not a type of condition.")
    if held is None or sought is None:
        return False
    if kind in _TEXTUAL:
        return _TEXTUAL[kind](str(held).casefold(), str(sought).casefold())
    return _COMPARING[kind](*_alike(held, sought))


def _alike(held: Any, sought: Any) -> tuple[Any, Any]:
    """Both as the kind that is held: a condition may give any of them as a text."""
    if isinstance(held, bool):
        return held, str(sought).casefold() in ("true", "1")
    if isinstance(held, int):
        try:
            return held, int(sought)
        except (TypeError, ValueError):
            raise Refusal(f"{sought} is not a number.") from None
    return str(held).casefold(), str(sought).casefold()


def _pattern(like: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in like)


def _fields(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("fieldname"), str):
            yield node["fieldname"]
        for one in node.values():
            yield from _fields(one)
    elif isinstance(node, list):
        for one in node:
            yield from _fields(one)


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name).casefold(): _lowered(one) for name, one in value.items()}
    return [_lowered(one) for one in value] if isinstance(value, list) else value
