"""The catalog of error texts: every error is in it, every text is used, and the page says the same."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from devtools.errors_page import PAGE, page
from shared.model.error_texts import as_asked, every_text, said, told

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("shared", "services") for path in (ROOT / folder).rglob("*.py")]
FROM_ENROLL = re.compile(
    r"(school|program|programs|student|school_group|school_level|program_category|user_group|grade)\."
    r"|record\.(changed|in_use)$"
)
BUILT = {
    "value.nul",
    "value.unreadable",
    "guard.too_many_gone",
    "guard.too_many_missing",
    "guard.too_many_removed",
    "guard.too_many_changed",
    "guard.too_many_invalid",
    "guard.too_many_left",
    "guard.too_many_unfit",
    "enroll.refused",
}
RAISED = {
    *("BadInput", "BadMapping", "BadSettings", "Refused", "NotFound", "Conflict", "Permanent", "Unavailable"),
    *("Throttled", "ValueProblem", "Problem", "LeaseLost", "Outdated"),
}


@cache
def all_calls() -> list[tuple[Path, str, ast.Call]]:
    return [
        (path, node.func.id, node)
        for path in SOURCES
        if "sandbox" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def calls(names: set[str]) -> Iterator[tuple[Path, ast.Call]]:
    return ((path, node) for path, name, node in all_calls() if name in names)


def uses() -> list[tuple[Path, str, set[str]]]:
    found = []
    for path, call in calls({"said", "told"}):
        if call.args and isinstance(call.args[0], ast.Constant):
            found.append((path, str(call.args[0].value), {word.arg or "" for word in call.keywords}))
    return found


def named(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field}


def test_every_use_fills_in_what_the_text_names() -> None:
    for path, code, given in uses():
        text = every_text().get(code)
        assert text is not None, f"{path.name}: {code} is not in error_texts.toml"
        assert named(text.message) | named(text.fix) == given, f"{path.name}: {code}"


def test_every_text_is_used() -> None:
    used = {code for _, code, _ in uses()}
    unused = {code for code in every_text() if code not in used | BUILT and not FROM_ENROLL.match(code)}
    assert unused == set()


def test_no_error_is_raised_with_words_of_its_own() -> None:
    for path, call in calls(RAISED):
        first = call.args[0] if call.args else None
        own = isinstance(first, ast.Constant) and isinstance(first.value, str) and "." in first.value
        assert not own, f"{path.name}:{call.lineno}: put the text into error_texts.toml and use said()"


@pytest.mark.parametrize("code", sorted(every_text()))
def test_a_text_is_whole(code: str) -> None:
    text = every_text()[code]
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code)
    assert text.message
    assert text.cause.endswith(".")
    assert "{" not in text.asked
    assert not text.fix or text.fix[-1] in ".}y`"
    assert text.operator is ("operator" in text.fix and "failed messages" in text.fix.lower()), "mark it in the catalog"


def test_who_has_asked_themselves_is_not_told_of_a_run() -> None:
    away = told("enroll.unavailable", why="answered 503")
    assert as_asked(away) == {**away, "fix": "Try again in a few minutes."}
    other = told("value.too_long", limit=5)
    assert as_asked(other) == other
    assert as_asked({"code": "http.404", "fix": "x"}) == {"code": "http.404", "fix": "x"}
    assert not [one for one, text in every_text().items() if text.fix.startswith("The run goes on") and not text.asked]


def test_said_and_told_are_the_same() -> None:
    assert said("value.too_long", limit=5) == (
        "value.too_long",
        "Longer than 5 characters.",
        "Shorten it in the source.",
    )
    assert list(told("value.too_long", limit=5).values()) == list(said("value.too_long", limit=5))
    with pytest.raises(KeyError):
        said("value.too_long")


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run: make docs"
