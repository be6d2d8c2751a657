"""What a form shows of the options of a transformation, and what it says when it comes back.

A form is laid over the draft it was made from: what was not in the form, or cannot be typed into it, stays as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.gateway.pages.mapping.shapes import MISSING, Shape, kind_of_source, steps

Form = Mapping[str, str]
MAX_PAIRS: Final = 200
NEW_PAIRS: Final = 3
MOST_ITEMS: Final = 200
SOURCES: Final = (
    ("column", "A column or field"),
    ("value", "A fixed value"),
    ("field", "Another row of this mapping"),
    ("transformation", "A transformation"),
)
FLAGS: Final = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class Widget:
    """One control, or several under one legend. `kind` is that of its shape, or `kept` for what cannot be shown."""

    kind: str
    name: str
    label: str
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    parts: "tuple[Widget, ...]" = ()
    pairs: tuple[tuple[str | None, str | None], ...] = ()
    examples: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    tables: bool = False


def typable(text: str) -> bool:
    """Whether a line of a form holds it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not any(one in text for one in "\n\r\0")


def widgets(step: str, options: Mapping[str, Any], name: str) -> tuple[Widget, ...]:
    """The options of a transformation as controls; none where there is no such transformation."""
    found = steps().get(step)
    if found is None:
        return ()
    return tuple(
        _widget(shape, options.get(option, MISSING), f"{name}/{option}", shape.label) for option, shape in found.options
    )


def _widget(shape: Shape, value: Any, name: str, label: str) -> Widget:
    if value is MISSING:
        value = _unsaid(shape)
    if not shape.fits(value):
        return Widget("kept", name, label)
    match shape.kind:
        case "source":
            return _source(value, name, label)
        case "list":
            return _list(shape, value, name, label)
        case "either":
            return _either(value, name, label)
        case "group":
            return Widget("group", name, label, parts=_parts(shape, value, name))
        case "pairs":
            return _pairs(value, name, label)
        case _:
            return _line(shape, value, name, label)


def _line(shape: Shape, value: Any, name: str, label: str) -> Widget:
    if shape.kind == "flag":
        return Widget("choice", name, label, "yes" if value else "no", FLAGS)
    if shape.kind == "choice":
        known = [*shape.choices, *([value] if value not in shape.choices else [])]
        return Widget("choice", name, label, value, tuple((one, one or "Choose one") for one in known))
    if shape.kind == "number":
        return Widget("number", name, label, "" if value is None else str(value))
    return text_widget(value, name, label, shape.examples, tables=shape.tables)


def _parts(shape: Shape, value: Mapping[str, Any], name: str) -> tuple[Widget, ...]:
    return tuple(_widget(part, value.get(one, MISSING), f"{name}/{one}", part.label) for one, part in shape.parts)


def text_widget(value: str, name: str, label: str, examples: Sequence[str] = (), *, tables: bool = False) -> Widget:
    return Widget("text" if typable(value) else "kept", name, label, value, examples=tuple(examples), tables=tables)


def _source(value: Any, name: str, label: str) -> Widget:
    kind = kind_of_source(value)
    parts: tuple[Widget, ...]
    about: tuple[str, ...] = ()
    if kind == "transformation":
        step = value["transformation"]
        parts = (_step_choice(step, f"{name}/step"), *widgets(step, value.get("options", {}), f"{name}/options"))
        about = steps()[step].about if step in steps() else ()
    else:
        text = value if kind == "column" else value[kind]
        words = {"column": "Column or field", "value": "Value", "field": "Field"}[kind]
        parts = (text_widget(text, f"{name}/{kind}", words),)
    return Widget("source", name, label, kind, SOURCES, parts, about=about)


def _step_choice(step: str, name: str) -> Widget:
    """Which transformation."""
    known = [(one.name, one.label) for one in steps().values()]
    unknown = [] if step in steps() else [(step, step or "Choose one")]
    return Widget("choice", name, "Transformation", step, (*unknown, *known))


def step_choice(step: str) -> Widget:
    return _step_choice(step, "step")


def _list(shape: Shape, value: Any, name: str, label: str) -> Widget:
    item, value = shape.item or Shape("text"), [value] if isinstance(value, str) else value
    parts = tuple(
        _widget(item, one, f"{name}/{place}", f"{label.removesuffix('s')} {place + 1}")
        for place, one in enumerate(value[:MOST_ITEMS])
    )
    return Widget("list", name, label, parts=parts)


def _either(value: Any, name: str, label: str) -> Widget:
    kind = "list" if isinstance(value, list) else "text"
    texts = value if isinstance(value, list) else [value]
    parts = tuple(
        text_widget(one, f"{name}/{place}", f"{label} {place + 1}" if kind == "list" else label)
        for place, one in enumerate(texts[:MOST_ITEMS])
    )
    return Widget("either", name, label, kind, (("text", "One value"), ("list", "Several values")), parts)


def _pairs(value: Mapping[str, str], name: str, label: str) -> Widget:
    """Some empty ones at the end, to be filled in. A very long table is kept and can only be added to."""
    pairs = tuple(value.items())
    if len(pairs) > MAX_PAIRS:
        return Widget("pairs", name, label, str(len(pairs)))
    known = tuple((_typed(left, left or right), _typed(right, left or right)) for left, right in pairs)
    return Widget("pairs", name, label, "", pairs=(*known, *((("", ""),) * NEW_PAIRS)))


def _typed(text: str, said: str) -> str | None:
    return text if said and typable(text) else None


def read_options(step: str, form: Form, name: str, old: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a form says, over those it was made from."""
    found = steps().get(step)
    read = dict(old)
    for option, shape in found.options if found else ():
        value = _read(shape, form, f"{name}/{option}", old.get(option, MISSING))
        if value is MISSING or (option not in old and value == _unsaid(shape)):
            read.pop(option, None)
        else:
            read[option] = value
    return read


def _unsaid(shape: Shape) -> Any:
    """What stands in the form where a row says nothing of the option."""
    return shape.blank() if shape.default is MISSING else shape.default


def _read(shape: Shape, form: Form, name: str, old: Any) -> Any:
    start = _unsaid(shape) if old is MISSING else old
    if not shape.fits(start):
        return old
    match shape.kind:
        case "source":
            return read_source(form, name, old)
        case "list":
            return _read_list(shape, form, name, start) if f"{name}/count" in form else old
        case "either":
            return _read_either(form, name, start) if f"{name}/kind" in form else old
        case "group":
            return _read_group(shape, form, name, start)
        case "pairs":
            return _read_pairs(form, name, start) if f"{name}/count" in form or f"{name}/paste" in form else old
    if name not in form:
        return old
    if shape.kind == "flag":
        return form[name] == "yes"
    return _number(form[name], old) if shape.kind == "number" else form[name]


def read_source(form: Form, name: str, old: Any) -> Any:
    """A source, over the one it was made from; carried along as far as that makes sense where its kind is another."""
    kind, was = form.get(f"{name}/kind"), kind_of_source(old)
    if kind is None:
        return old
    typed = form.get(f"{name}/{kind}")
    if kind == "transformation":
        inner: Any = old if was == kind else {"transformation": "", "options": {"source": _column_of(old, form, name)}}
        step = form.get(f"{name}/step", inner["transformation"])
        options = carried(inner["transformation"], inner.get("options", {}), step)
        if step == inner["transformation"]:
            options = read_options(step, form, f"{name}/options", options)
        without = "options" not in inner and not options
        return {"transformation": step, **({} if without else {"options": options})}
    if kind == was and typed is None:
        return old
    if kind == "column":
        return typed if typed is not None else _column_of(old, form, name)
    return {kind: typed or ""}


def carried(before: str, options: Mapping[str, Any], step: str) -> dict[str, Any]:
    """The options as far as another transformation has them as well."""
    if before == step or step not in steps():
        return dict(options)
    known = dict(steps()[step].options)
    kept = {name: value for name, value in options.items() if name in known and known[name].kind == "source"}
    if "source" in known and "source" not in kept:
        kept["source"] = first_source(options)
    if "sources" in known:
        kept["sources"] = options.get("sources") or [first_source(options)]
    return kept


def first_source(options: Any) -> Any:
    """The first column that options read; "" where they read none."""
    inside: list[Any] = []
    if isinstance(options, Mapping):
        inside = [options[name] for name in ("source", "sources", "then", "else", "options") if name in options]
    elif isinstance(options, list):
        inside = options
    found = (one if isinstance(one, str) else first_source(one) for one in inside)
    return next((one for one in found if one), "")


def _column_of(old: Any, form: Form, name: str) -> str:
    if isinstance(old, str):
        return form.get(f"{name}/column", old)
    found = first_source(old)
    return found if isinstance(found, str) else ""


def _read_list(shape: Shape, form: Form, name: str, old: Any) -> Any:
    item, alone = shape.item or Shape("text"), isinstance(old, str)
    old = [old] if alone else old
    count = min(_count(form, name), MOST_ITEMS)
    read = []
    for place in range(count):
        before = old[place] if place < len(old) else item.blank()
        value = _read(item, form, f"{name}/{place}", before)
        read.append(before if value is MISSING else value)
    return read[0] if alone and len(read) == 1 else [*read, *old[MOST_ITEMS:]]


def _read_either(form: Form, name: str, old: Any) -> Any:
    before = old if isinstance(old, list) else [old]
    count = max(1, min(_count(form, name), MOST_ITEMS))
    texts = [form.get(f"{name}/{place}", before[place] if place < len(before) else "") for place in range(count)]
    if form[f"{name}/kind"] != "list":
        return texts[0]
    if isinstance(old, list) and not old and not any(texts):
        return []
    return [*texts, *before[MOST_ITEMS:]]


def _read_group(shape: Shape, form: Form, name: str, old: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(old)
    for one, part in shape.parts:
        value = _read(part, form, f"{name}/{one}", old.get(one, MISSING))
        if value is not MISSING and (one in old or value != part.default):
            read[one] = value
    return read


def _read_pairs(form: Form, name: str, old: Mapping[str, str]) -> dict[str, str]:
    read: dict[str, str] = {}
    before = list(old.items())
    long = f"{name}/count" not in form
    for place in range(len(before) if long else min(_count(form, name), MAX_PAIRS + NEW_PAIRS)):
        was = before[place] if place < len(before) else ("", "")
        left = form.get(f"{name}/{place}/from", was[0])
        right = form.get(f"{name}/{place}/to", was[1])
        if left or right or f"{name}/{place}/from" not in form:
            read.setdefault(left, right)
    for line in form.get(f"{name}/paste", "").splitlines():
        left, separator, right = line.partition("\t" if "\t" in line else ",")
        if separator and left.strip():
            read[left.strip()] = right.strip()
    return read


def _count(form: Form, name: str) -> int:
    text = form.get(f"{name}/count", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _number(text: str, old: Any) -> Any:
    text = text.strip()
    if not text:
        return old if old is None else MISSING
    whole = text.removeprefix("-")
    return int(text) if whole.isascii() and whole.isdigit() and len(whole) < 16 else text
