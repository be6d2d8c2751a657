"""A table of a page has its roles written down, and its cells the heading of their column."""

import re
from html import unescape
from pathlib import Path

from jinja2 import Environment

import services.gateway.pages
from services.gateway.pages.tables import stacked

HEAD = '<thead><tr><th scope="col">Row</th><th scope="col" class="num"><span>What &amp; why</span></th></tr></thead>'


def made(source: str, **about: str) -> str:
    environment = Environment(autoescape=True)
    environment.filters["stacked"] = stacked
    return environment.from_string(f"{{% filter stacked %}}{source}{{% endfilter %}}").render(about)


def test_every_cell_has_its_role_and_its_heading() -> None:
    body = '<tbody><tr id="a"><th scope="row">1</th><td class="num">2</td></tr><tr><td>3</td><td>4</td></tr></tbody>'
    found = made(HEAD + body)
    assert '<tr id="a" role="row"><th scope="row" role="rowheader" data-label="Row">1</th>' in found
    assert '<td class="num" role="cell" data-label="What &amp; why">2</td>' in found
    assert '<td role="cell" data-label="Row">3</td><td role="cell" data-label="What &amp; why">4</td>' in found
    assert (found.count('role="rowgroup"'), found.count('role="columnheader"')) == (2, 2)


def test_a_cell_across_all_columns_has_no_heading() -> None:
    assert '<td colspan="2" role="cell">both</td>' in made(HEAD + '<tbody><tr><td colspan="2">both</td></tr></tbody>')


def test_what_was_typed_is_no_tag_and_no_heading_breaks_out() -> None:
    """Names that people gave may be headings, and any text a value."""
    text = '"> </thead> <td class="x"> & \' <script>'
    head = '<thead><tr><th scope="col">{{ text }}</th></tr></thead>'
    found = made(head + "<tbody><tr><td>{{ text }}</td></tr></tbody>", text=text)
    assert (found.count("<td"), "<script" in found, found.count("</thead>")) == (1, False, 1)
    (label,) = re.findall(r'data-label="([^"]*)"', found)
    assert unescape(label) == text


def test_every_table_is_made_in_one_place() -> None:
    folder = Path(services.gateway.pages.__file__).parent / "templates"
    assert [one.name for one in folder.rglob("*.html") if "<table" in one.read_text()] == ["macros.html"]
