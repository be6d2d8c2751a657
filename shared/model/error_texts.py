"""Every error people may read: code, message, cause, what to do. Their texts stand in `error_texts.toml` alone.

`docs/errors.md` is made from them. A text in braces is filled in where the error is raised.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict


class ErrorText(BaseModel):
    """`message` says what happened, `cause` what is behind it as a rule, `fix` what to do; it may be empty.

    `asked` is what to do for whoever has asked for it themselves, where no run waits that would go on. `operator`: what
    to do sends people to an operator, who finds a failed message.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str
    cause: str
    fix: str = ""
    asked: str = ""
    operator: bool = False


@cache
def every_text() -> Mapping[str, ErrorText]:
    """The catalog, by code."""
    raw = tomllib.loads(files("shared.model").joinpath("error_texts.toml").read_text(encoding="utf-8"))
    return MappingProxyType({code: ErrorText.model_validate(text) for code, text in raw.items()})


def said(code: str, /, **about: Any) -> tuple[str, str, str]:
    """Code, message and fix, as the errors and problems of `shared.model` take them.

    Raises:
        KeyError: there is no such text, or something that it names is missing in `about`.
    """
    text = every_text()[code]
    return code, text.message.format(**about), text.fix.format(**about)


def as_asked(about: Mapping[str, str]) -> dict[str, str]:
    """An error for whoever has asked for what it kept from being done."""
    text = every_text().get(about["code"])
    return {**about, "fix": text.asked} if text and text.asked else dict(about)


def under_code_of(error: Mapping[str, str], code: str) -> dict[str, str]:
    """An error as it is stored, under the code of what is behind it; `text` keeps the code of what it says."""
    return {**error, "code": code, "text": error["code"]}


def is_for_operators(error: Mapping[str, str]) -> bool:
    """Whether what to do about a stored error sends people to an operator."""
    text = every_text().get(error.get("text") or error["code"])
    return text is not None and text.operator


def told(code: str, /, **about: Any) -> dict[str, str]:
    """The same as `said`, as it is stored with a run."""
    return dict(zip(("code", "message", "fix"), said(code, **about), strict=True))
