"""Any mapping draft, shown as a form and read back as a browser sends it, is the same draft."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.pages.mapping.difference import words
from services.gateway.pages.mapping.fields import SETTINGS, read
from services.gateway.pages.mapping.fields import settings as file_settings
from services.gateway.pages.mapping.row import row_at, with_row
from services.gateway.pages.mapping.rows import (
    TYPES,
    Names,
    less,
    more,
    read_line,
    read_step,
    step_of,
    turned,
    with_step,
)
from services.gateway.pages.mapping.sections import lines_of_file, progress, sections
from services.gateway.pages.mapping.shapes import steps
from services.gateway.pages.mapping.widgets import step_choice, widgets
from services.gateway.pages.site import environment
from shared.engine.enrolling import left_open
from shared.mapping import transformations
from shared.mapping.drafting import Looked
from shared.model.catalog import catalog, sis_catalog
from shared.model.draft import Draft
from shared.model.export_rules import ExportRules
from tests.examples import examples
from tests.sent import Sent
from tests.unit.test_any_mapping import _filled, _taken, rows
from tests.unit.test_transformations import CASES

PAGE = environment().from_string(
    """{% from "mapping/controls.html" import control, choice %}
{{ choice("type", types, step.type) }}{{ choice("step", step_widget.choices, step_widget.value) }}
{% for one in widgets %}{{ control(one) }}{% endfor %}
{{ choice("blank", [["keep", ""], ["clear", ""]], row.get("blank", "keep")) }}
{{ choice("updatable", [["yes", ""], ["no", ""]], "no" if row.get("updatable", true) is sameas false else "yes") }}"""
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " ", "a\nb", "\0", "\r", "<b>&\"'", "\t", "é", "~", "/"]
)


def sent(row: dict[str, Any]) -> dict[str, str]:
    """The page of one row, as it comes back."""
    step = step_of(row)
    about = {"types": TYPES, "step": step, "row": row, "step_widget": step_choice(step.name)}
    return Sent(PAGE.render(**about, widgets=widgets(step.name, step.options, "o"))).form


@st.composite
def drafted(draw: st.DrawFn) -> dict[str, Any]:
    """A row of any kind, with any texts in it, finished or not."""
    row = draw(rows("students"))
    if draw(st.booleans()):
        row["updatable"] = draw(st.booleans())
    if row["type"] == "match_codes":
        row["codes"] = draw(st.dictionaries(texts, texts, max_size=5))
        more_options = {"unmatched": st.sampled_from(["fail", "pass"]), "default": texts, "separator": texts}
        row |= draw(st.fixed_dictionaries({}, optional=more_options))
    if row["type"] == "direct" and draw(st.booleans()):
        row["source"] = draw(texts | st.builds(lambda one: {"value": one}, texts))
    if row["type"] == "transformation" and draw(st.booleans()):
        row |= {"name": "join", "options": {"sources": draw(st.lists(texts, max_size=4)), "delimiter": draw(texts)}}
    if draw(st.integers(0, 9)) == 0:
        row = {"type": "do_not_map", "target": row["target"]}
    return row


lenient = settings(
    deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@lenient
@given(drafted())
def test_a_row_comes_back_the_same(row: dict[str, Any]) -> None:
    assert read_step(row, sent(row)) == row


@pytest.mark.parametrize(("name", "options"), [(name, one) for name, cases in CASES.items() for one, _, _ in cases])
def test_every_option_is_in_the_form(name: str, options: dict[str, Any]) -> None:
    """Read onto a row that says nothing yet, so that nothing comes from elsewhere."""
    options = _taken(name, _filled(options, ["A", "B"]))
    row = {"type": "transformation", "target": "students.fname", "name": name, "options": options}
    form = sent(row)
    back = read_step({**row, "options": _bare(options)}, form)["options"]
    assert transformations.parse(name, back) == transformations.parse(name, options)


def _bare(value: Any) -> Any:
    """The same without its texts: what is left is how it nests."""
    if isinstance(value, dict):
        kept = {"transformation", "options", "source", "sources", "if", "then", "else"}
        return {key: one if key == "transformation" else _bare(one) for key, one in value.items() if key in kept}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return ""


@lenient
@given(st.lists(drafted(), max_size=6, unique_by=lambda row: row["target"]))
def test_a_table_comes_back_the_same(made: list[dict[str, Any]]) -> None:
    form: dict[str, str] = {}
    for section in sections(made, catalog("students"), "import", Looked(), "", Names()):
        for line in section.lines:
            form |= {f"r/{line.number}/target": line.place, f"r/{line.number}/type": line.step.type}
            if line.step.column is not None and line.step.type != "do_not_map":
                form[f"r/{line.number}/from"] = line.step.column
    draft = Draft(fields=made)
    assert read(draft, form, is_files=False) == draft


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Any]:
    row = with_step({"header": draw(texts), "source": ""}, step_of(draw(drafted())))
    return row if draw(st.booleans()) else {**row, "do_not_map": True} if not row.get("do_not_map") else row


@lenient
@given(st.lists(columns(), max_size=5), st.booleans())
def test_a_file_comes_back_the_same(made: list[dict[str, Any]], header: bool) -> None:
    raw = {"name": "roster_{YYYY}", "columns": made, "header": header, "separator": "tab"}
    form = {f"f/1/{name}": value for name, value in file_settings(raw).items()} | {"f/1/name": "roster_{YYYY}"}
    assert set(file_settings(raw)) == set(SETTINGS)
    for line in lines_of_file(1, raw, Looked(), Names()):
        form |= {f"f/1/{line.number}/type": line.step.type, f"f/1/{line.number}/header": line.header}
        if line.step.column is not None and line.step.type != "do_not_map":
            form[f"f/1/{line.number}/from"] = line.step.column
    draft = Draft(files=[raw])
    assert read(draft, form, is_files=True) == draft
    for place in range(1, len(made) + 1):
        row = row_at(draft, f"1.{place}", is_files=True)
        assert with_row(draft, f"1.{place}", read_step(row, sent(row)), is_files=True) == draft


@pytest.mark.parametrize("name", sorted(steps()))
def test_a_transformation_can_be_chosen_from_nothing(name: str) -> None:
    row: dict[str, Any] = {"type": "direct", "target": "students.fname", "source": "First"}
    row = read_step(row, {"type": "transformation"})
    assert (row["type"], row["name"], row["options"]) == ("transformation", "", {"source": "First"})
    row = read_step(row, {"type": "transformation", "step": name})
    assert row["name"] == name
    again = read_step(row, sent(row))
    assert again["name"] == name
    reads = dict(steps()[name].options)
    if "source" in reads:
        assert step_of(again).column == "First"
    if "sources" in reads:
        assert again["options"]["sources"] == ["First"]


def test_lists_grow_and_shrink() -> None:
    row: dict[str, Any] = {"type": "transformation", "target": "t", "name": "join", "options": {"sources": ["A"]}}
    longer = more(row, "o/sources")
    assert longer["options"]["sources"] == ["A", ""]
    assert less(longer, "o/sources/0")["options"]["sources"] == [""]
    assert less(row, "o/sources/0") == row
    assert less(longer, "o/sources/²") == more(longer, "o/sources/²") == longer
    date: dict[str, Any] = {"type": "transformation", "target": "t", "name": "date", "options": {"from": "EXCEL"}}
    assert read_step(date, {**sent(date), "o/from/0": "M/D/YY"})["options"]["from"] == "M/D/YY"
    assert more(date, "o/from")["options"]["from"] == ["EXCEL", ""]
    deep = {"type": "direct", "target": "t", "source": {"transformation": "pick", "options": {"sources": ["A"]}}}
    assert more(deep, "o/source/options/sources")["source"]["options"]["sources"] == ["A", ""]


def test_a_row_turned_to_another_type_reads_what_it_read() -> None:
    row = {"type": "direct", "target": "t", "source": "Grade", "blank": "clear"}
    codes = with_step(row, turned(step_of(row), "match_codes"))
    assert codes == {"type": "match_codes", "target": "t", "source": "Grade", "blank": "clear"}
    step = with_step(codes, turned(step_of(codes), "transformation"))
    assert (step["type"], step["name"], step["options"]["source"]) == ("transformation", "match_codes", "Grade")
    assert with_step(step, turned(step_of(step), "direct")) == row
    assert read_line(row, {"r/0/type": "do_not_map"}, "r/0")["type"] == "do_not_map"


def test_a_row_is_summed_up_in_a_few_words() -> None:
    codes = {"type": "match_codes", "target": "t", "source": "G", "codes": {"F": "1"}}
    assert step_of(codes).summary(Names()) == "1 code"
    assert step_of({**codes, "table": "Race"}).summary(Names()) == "table Race"
    assert step_of({**codes, "source": {"value": "x"}}).summary(Names()) == "1 code: “x”"
    inner = {"transformation": "split", "options": {"source": "A", "delimiter": ",", "fragment": 1}}
    join = {"type": "transformation", "target": "t", "name": "join", "options": {"sources": [inner, {"field": "f"}]}}
    assert (step_of(join).column, step_of(join).summary(Names())) == (None, "Join: A, row f")
    assert step_of({"header": "H", "source": inner}).summary(Names()) == "Split"
    assert step_of({"type": "direct", "target": "t", "source": inner}).summary(Names()) == "Split"


def test_what_a_row_reads_is_called_as_people_call_it() -> None:
    names = Names(catalog("students").label_of, {"local_id": "Number"}.__getitem__)
    read = {"transformation": "upper", "options": {"source": "students.fname"}}
    sources = [read, "students.dob", {"field": "local_id"}, {"value": "students.dob"}]
    join = {"type": "transformation", "target": "t", "name": "join", "options": {"sources": sources}}
    said = "First Name, Date of Birth, row Number, “students.dob”"
    assert step_of(join).summary(names) == f"Join: {said}"
    column = {"header": "H", "source": {"transformation": "join", "options": {"sources": sources}}}
    line, *_ = lines_of_file(1, {"columns": [column]}, Looked(), names)
    assert line.summary == f"Join: {said}"
    assert words(join, names) == f"Transformation: Join: {said}"
    assert words({"header": "H", "source": "students.fname"}, names) == "Direct: First Name"
    assert words({"header": "H", "source": read}, names) == "Transformation: First Name, Upper"
    codes = {"type": "match_codes", "target": "t", "source": read, "codes": {}}
    assert step_of(codes).summary(names) == "0 codes: Upper"
    row = {**join, "target": "students.lname"}
    found = sections([row], catalog("students"), "import", Looked(), "date of birth", names)
    assert [one.summary for section in found for one in section.lines] == [f"Join: {said}"], "the filter knows labels"


def test_pairs_are_pasted() -> None:
    row = {"type": "match_codes", "target": "t", "source": "G", "codes": {"F": "1"}}
    made = read_step(row, {**sent(row), "o/codes/paste": "M\t2\nX,3\nnothing\n"})
    assert made["codes"] == {"F": "1", "M": "2", "X": "3"}


def test_what_the_export_rules_leave_open_is_counted_until_it_is_mapped_or_given() -> None:
    about, rules = sis_catalog("powerschool"), ExportRules()
    mapped = {name for name, one in about.fields.items() if one.create and not one.rule}
    open_still = progress(about, "export", mapped, left_open(about, rules))
    assert (open_still.words, open_still.left) == ("4 of 5 required fields mapped", ["Exit Date"])
    assert open_still.ruled == ["Exit Date"]
    as_mapped = progress(about, "export", {*mapped, "school_enrollment.exit_date"}, left_open(about, rules))
    assert (as_mapped.words, as_mapped.left, as_mapped.ruled) == ("5 of 5 required fields mapped", [], [])
    by_rule = progress(about, "export", mapped, left_open(about, ExportRules(end_date="2027-05-28")))
    assert (by_rule.words, by_rule.left) == ("4 of 4 required fields mapped", [])
