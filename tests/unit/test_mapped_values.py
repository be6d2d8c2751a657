"""Mapped Value and what is wrong, as the table of the Field Mapping shows them."""

from types import SimpleNamespace
from typing import Any

from services.gateway.pages.site import environment

MODULE: Any = environment().get_template("mapping/values.html").module


def shown(value: str) -> str:
    one = SimpleNamespace(problem=None, kept=False, value=value)
    return str(MODULE.mapped("students.fname", [one]))


def test_a_long_value_is_short_and_whole_when_it_is_opened() -> None:
    value = "<a> " * 50
    found = shown(value)
    assert found.count("<details><summary>") == 1
    assert "…</summary>" + "&lt;a&gt; " * 50 + "</details>" in found
    assert "<details>" not in shown("Mara")


def test_a_row_without_a_problem_has_no_row_below_it_that_is_read_out() -> None:
    problem = SimpleNamespace(message="There is no such column.", fix="Choose another.")
    line = SimpleNamespace(id="students.fname", problems=[])
    assert str(MODULE.why(line, 5)) == '<tr class="why" id="why-students.fname" data-live></tr>'
    found = str(MODULE.why(SimpleNamespace(id="students.fname", problems=[problem]), 5))
    assert '<td colspan="5">' in found
    assert "Choose another." in found
