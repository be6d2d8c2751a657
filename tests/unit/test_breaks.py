"""Long names break between their parts, on every page that shows them in a column."""

import re
from pathlib import Path

import pytest

from services.gateway.pages import breaks
from services.gateway.pages.breaks import breakable

TEMPLATES = Path(breaks.__file__).parent / "templates"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("student_annual.grade", "student_<wbr>annual.<wbr>grade"),
        ("sync.export.requested.v1", "sync.<wbr>export.<wbr>requested.<wbr>v1"),
        ("a__b.", "a__<wbr>b."),
        ("<b>.c", "&lt;b&gt;.<wbr>c"),
        ("", ""),
    ],
)
def test_the_name_of_a_field_breaks_between_its_parts(name: str, shown: str) -> None:
    assert str(breakable(name)) == shown


def test_no_page_shows_the_name_of_a_field_in_another_way() -> None:
    """As `term` of macros.html, which makes it breakable."""
    bare = re.compile(
        r"class=\"[^\"]*\bcode\b[^\"]*\">{{ *(?:one|field|line|letter)\.(?:field|place|target|type|code|reason)\b"
    )
    found = [(one.name, hit) for one in TEMPLATES.rglob("*.html") for hit in bare.findall(one.read_text("utf-8"))]
    assert [one for one in found if one[0] not in ("row.html", "code_table.html")] == []
