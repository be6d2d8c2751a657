"""Substitute and Regex Replace."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self, TypeAlias

import re2
from pydantic import Field, model_validator

from shared.mapping.transformations.registry import (
    MAX_RESULT,
    Inputs,
    Reader,
    Step,
    ValueProblem,
    transformation,
    within_limit,
)
from shared.model.error_texts import said
from shared.model.mapping import Source

Pattern: TypeAlias = Any
Match: TypeAlias = Any

_REFERENCE = re.compile(r"\\(\d|\\)|\\(.?)", re.DOTALL)


@transformation("substitute")
class Substitute(Step):
    """`find` replaced by `replace`: each place where it stands (`where` "all"), the first one, or only a whole value.

    A whole value is compared without the spaces around it.
    """

    label: ClassVar[str] = "Substitute"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    find: str = Field(min_length=1, max_length=1000)
    replace: str = Field(default="", max_length=1000)
    where: Literal["all", "first", "whole"] = "all"

    def compile(self, inputs: Inputs) -> Reader:
        source, find, replace = inputs.read(self.source), self.find, self.replace
        if self.where == "whole":
            wanted = find.strip()
            return lambda values: replace if (text := source(values)).strip() == wanted else text
        count = 1 if self.where == "first" else -1
        growth = max(0, len(replace) - len(find))

        def substitute(values: list[str]) -> str:
            text = source(values)
            if growth and len(text) + growth * text.count(find) > MAX_RESULT and count < 0:
                within_limit(" " * (MAX_RESULT + 1))
            return text.replace(find, replace, count)

        return substitute


@transformation("regex_replace")
class RegexReplace(Step):
    r"""Whatever fits the regular expression `find` replaced by `replace`, in which \1 to \9 are the groups, \0 is all.

    The expressions are RE2's: always fast, whatever the text, and so without look-around and back references. `(?i)` at
    the start ignores case.
    """

    label: ClassVar[str] = "Regex Replace"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    find: str = Field(min_length=1, max_length=500)
    replace: str = Field(default="", max_length=500)
    where: Literal["all", "first"] = "all"

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _template(self.replace, compile_pattern(self.find).groups)
        return self

    def compile(self, inputs: Inputs) -> Reader:
        source, pattern = inputs.read(self.source), compile_pattern(self.find)
        expand, count = _template(self.replace, pattern.groups), int(self.where == "first")

        def substitute(values: list[str]) -> str:
            text = source(values)
            if not text:
                return ""
            made = 0

            def put(found: Match) -> str:
                nonlocal made
                put_in = expand(found)
                made += len(put_in)
                if made > MAX_RESULT:
                    within_limit(put_in * (MAX_RESULT // len(put_in) + 1))
                return put_in

            try:
                return within_limit(pattern.sub(put, text, count))
            except UnicodeEncodeError:
                raise half_character() from None

        return substitute


def compile_pattern(pattern: str) -> Pattern:
    """A regular expression that takes linear time. Raises ValueError where RE2 does not take it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"This is not a regular expression that RE2 takes ({said[:200]})") from None


def half_character() -> ValueProblem:
    return ValueProblem(*said("value.bad_text"))


def _template(template: str, groups: int) -> Callable[[Match], str]:
    parts: list[str | int] = []
    last = 0
    for found in _REFERENCE.finditer(template):
        parts.append(template[last : found.start()])
        last = found.end()
        if found[1] is None:
            raise ValueError(r"After a backslash comes the number of a group, as in \1, or a second backslash")
        if found[1] != "\\" and int(found[1]) > groups:
            raise ValueError(f"There is no group {found[1]} in the expression")
        parts.append("\\" if found[1] == "\\" else int(found[1]))
    parts.append(template[last:])
    if all(isinstance(part, str) for part in parts):
        fixed = "".join(map(str, parts))
        return lambda _: fixed
    return lambda match: "".join([part if isinstance(part, str) else match[part] or "" for part in parts])
