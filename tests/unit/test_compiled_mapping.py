"""A mapping compiled against columns: what it refuses to become, and what it makes of rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.compiled import KEEP, CompiledMapping, check_mapping, compile_mapping
from shared.model.catalog import Catalog, Field, catalog
from shared.model.errors import BadMapping
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

STUDENTS = catalog("students")
MOMENT = Moment(date(2026, 9, 1), 2026)
COLUMNS = ("ID", "First", "Last", "Born", "City")
ROW = ["20231", "Mara", "Torres", "2015-03-09", "Mesa"]


def direct(target: str, source: str, **more: Any) -> dict[str, Any]:
    return {"type": "direct", "target": target, "source": source, **more}


def step(target: str, name: str, **options: Any) -> dict[str, Any]:
    return {"type": "transformation", "target": target, "name": name, "options": options}


def codes(target: str, source: str, table: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"type": "match_codes", "target": target, "source": source, "codes": table, **more}


BASE = [
    direct("students.student_district_id", "ID"),
    direct("students.fname", "First"),
    direct("students.lname", "Last"),
    direct("students.dob", "Born"),
]
CITY = direct("student_annual.city", "City")


def draft(*rows: dict[str, Any]) -> MappingDraft:
    return MappingDraft.model_validate({"fields": rows})


def mapped(*extra: dict[str, Any], columns: tuple[str, ...] = COLUMNS) -> CompiledMapping:
    return compile_mapping(draft(*BASE, *extra), STUDENTS, columns, MOMENT)


def one(row: dict[str, Any], text: str, fields: Catalog = STUDENTS) -> Any:
    """What one more field, read from City, becomes: its value, or the code of its problem."""
    compiled = compile_mapping(draft(*BASE, row), fields, COLUMNS, MOMENT)
    out, problems = compiled.record([*ROW[:4], text])
    if out is None:
        assert [problem.field for problem in problems] == [row["target"]]
        return problems[0].code
    return out[compiled.fields.index(row["target"])]


def wrong(*rows: dict[str, Any]) -> list[tuple[int, str]]:
    return [(problem.row, problem.code) for problem in check_mapping(draft(*rows), STUDENTS)]


def test_a_row_becomes_the_values_of_the_fields() -> None:
    compiled = mapped(CITY)
    out, problems = compiled.record(ROW)
    assert problems == []
    assert out == ROW
    assert compiled.match_key == "students.student_district_id"
    assert compiled.lost_columns == ()
    assert compiled.values(out) == dict(zip(compiled.fields, ROW, strict=True))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([*BASE, CITY], []),
        ([*BASE, direct("students.shoe", "City")], [(5, "mapping.target_unknown")]),
        ([*BASE, CITY, CITY], [(6, "mapping.target_twice")]),
        ([*BASE, direct("students.sis_missing", "City")], [(5, "mapping.target_not_importable")]),
        ([*BASE, {"type": "do_not_map", "target": "students.sis_missing"}], []),
        ([*BASE, direct("student_annual.city", " ")], [(5, "mapping.source_blank")]),
        ([*BASE, step("student_annual.city", "shuffle")], [(5, "mapping.transformation_unknown")]),
        ([*BASE, step("student_annual.city", "date", source="City")], [(5, "mapping.options")]),
        ([*BASE, step("student_annual.grade", "value_input", value="fifth")], [(5, "mapping.value")]),
        ([*BASE, codes("student_annual.grade", "City", {"K": "0", "PK": "pre"})], [(5, "mapping.value")]),
        ([*BASE, codes("student_annual.grade", "City", {}, default="x")], [(5, "mapping.value")]),
        ([*BASE, codes("student_annual.city", "City", {"M": "\ud800"})], [(5, "mapping.value")]),
        ([*BASE, codes("student_annual.grade", "City", {" ": "0"})], [(5, "mapping.code_blank")]),
        (
            [*BASE[:3], step("students.dob", "date", source="Born", **{"from": "M/D/YYYY", "to": "M/D/YYYY"})],
            [(4, "mapping.value")],
        ),
        ([*BASE, step("student_annual.grade", "yes_no", source="City")], [(5, "mapping.value")]),
        ([*BASE, step("student_annual.phone", "pad", source="City", width=26)], [(5, "mapping.value")]),
        ([*BASE, step("students.sis_school_year", "enroll_school_year", form="YYYY-YY")], [(5, "mapping.value")]),
        (
            [*BASE, step("student_annual.grade", "match_codes", source="City", codes={"K": "kinder"})],
            [(5, "mapping.value")],
        ),
        (BASE[1:], [(0, "mapping.no_match_key")]),
        ([{"type": "do_not_map", "target": "students.student_district_id"}, *BASE[1:]], [(0, "mapping.no_match_key")]),
        (BASE[:3], [(0, "mapping.required_unmapped")]),
        ([*BASE[:3], {"type": "do_not_map", "target": "students.dob"}], [(0, "mapping.required_unmapped")]),
        ([*BASE[:3], step("students.dob", "value_input", value="")], [(4, "mapping.value")]),
    ],
)
def test_what_is_wrong_is_told_without_a_file(rows: list[dict[str, Any]], expected: list[tuple[int, str]]) -> None:
    assert wrong(*rows) == expected


def test_fields_that_read_each_other_are_called_by_their_labels() -> None:
    middle = {"type": "direct", "target": "students.mname", "source": {"field": "students.legacy_id"}}
    legacy = {"type": "direct", "target": "students.legacy_id", "source": {"field": "students.mname"}}
    with pytest.raises(BadMapping) as caught:
        compile_mapping(draft(*BASE, middle), STUDENTS, COLUMNS, MOMENT)
    assert caught.value.message.startswith("Middle Name: Legacy ID is read by another row, but")
    with pytest.raises(BadMapping) as caught:
        compile_mapping(draft(*BASE, middle, legacy), STUDENTS, COLUMNS, MOMENT)
    assert "Middle Name is made from itself, by way of Middle Name, Legacy ID" in caught.value.message


def test_bad_mapping_lists_every_problem_by_row() -> None:
    rows = draft(BASE[0], direct("students.shoe", "City"), *BASE[1:3], step("student_annual.city", "shuffle"))
    with pytest.raises(BadMapping) as caught:
        compile_mapping(rows, STUDENTS, COLUMNS, MOMENT)
    assert caught.value.code == "mapping.invalid"
    assert "students.shoe: There is no such field. City:" in caught.value.message
    assert caught.value.message.endswith("Date of Birth is not mapped, and no record can be created without it.")
    assert "Choose a field" in caught.value.fix
    assert check_mapping(rows, STUDENTS)[0].as_dict()["row"] == 2


@pytest.mark.parametrize("missing", ["ID", "Last", "Born"])
def test_a_lost_column_stops_the_key_and_required_fields(missing: str) -> None:
    with pytest.raises(BadMapping, match=f"no column '{missing}'") as caught:
        mapped(columns=tuple(name for name in COLUMNS if name != missing))
    assert caught.value.code == "mapping.column_missing"


def test_elsewhere_a_lost_column_leaves_its_field_alone() -> None:
    rest = step("student_annual.phone", "phone_number", source="Phone", form="9999999999")
    compiled = mapped(CITY, rest, columns=COLUMNS[:4])
    assert compiled.lost_columns == (("City", "student_annual.city"), ("Phone", "student_annual.phone"))
    assert compiled.record(ROW[:4]) == (ROW[:4], [])
    assert "student_annual.city" not in compiled.fields


def test_a_lost_key_never_falls_back_on_another_key() -> None:
    with pytest.raises(BadMapping, match="which District ID is read from"):
        mapped(direct("students.sis_unique_key", "City"), columns=COLUMNS[1:])


def test_columns_match_exactly_or_but_for_case_and_spaces() -> None:
    assert mapped(columns=(" id ", "FIRST", "last", "\tBorn", "City")).key(ROW) == "20231"
    assert mapped(columns=("id", "First", "Last", "Born", "ID")).key(ROW) == "Mesa"


def test_a_mapping_of_a_wrapped_header_reads_its_one_line() -> None:
    compiled = mapped(direct("students.mname", "Middle\nName"), columns=(*COLUMNS[:4], "middle  name"))
    values, _ = compiled.record(ROW)
    assert values is not None
    assert values[compiled.fields.index("students.mname")] == "Mesa"


@pytest.mark.parametrize("columns", [(*COLUMNS, "ID"), ("id", "First", "Last", "Born", "Id")])
def test_a_column_that_may_be_two_is_refused(columns: tuple[str, ...]) -> None:
    with pytest.raises(BadMapping, match="2 columns that may be 'ID'") as caught:
        mapped(columns=columns)
    assert caught.value.code == "mapping.column_ambiguous"


def test_the_first_mapped_match_key_is_used_and_an_id_is_a_number() -> None:
    compiled = mapped(direct("students.id", "City"))
    assert compiled.match_key == "students.id"
    row = [*ROW[:4], " 00042 "]
    out, _ = compiled.record(row)
    assert out is not None
    assert compiled.key(row) == "42"
    assert compiled.values(out)["students.id"] == 42
    assert compiled.key([*ROW[:4], "none"]) == ""


def test_the_key_is_trimmed_in_the_record_too() -> None:
    compiled = mapped()
    assert compiled.key(["  20231 ", *ROW[1:]]) == "20231"
    assert compiled.record(["  20231 ", *ROW[1:]]) == (ROW[:4], [])


def test_every_problem_of_a_row_is_told() -> None:
    compiled = mapped(CITY)
    out, problems = compiled.record([" ", "", "Torres", "03/09/2015", "M" * 51])
    assert out is None
    assert [(p.code, p.field, p.column, p.value) for p in problems] == [
        ("key.blank", "students.student_district_id", "ID", " "),
        ("value.required", "students.fname", "First", ""),
        ("value.not_a_date", "students.dob", "Born", "03/09/2015"),
        ("value.too_long", "student_annual.city", "City", "M" * 51),
    ]
    assert all(problem.message and problem.fix for problem in problems)
    assert compiled.key([" ", *ROW[1:]]) == ""


def test_a_problem_shows_the_value_as_it_stands_in_the_file() -> None:
    compiled = mapped(step("student_annual.phone", "phone_number", source="city", form="9999999999"))
    _, problems = compiled.record([*ROW[:4], " 555 "])
    assert (problems[0].column, problems[0].value) == ("City", " 555 ")


OTHER = Catalog(
    data_type="students",
    label="Students",
    match_keys=STUDENTS.match_keys,
    fields={
        **STUDENTS.fields,
        "flag": Field(name="flag", label="Flag", type="flag"),
        "n": Field(name="n", label="N", type="integer"),
        "rank": Field(name="rank", label="Rank", type="integer", length=4, minimum=0),
        "at": Field(name="at", label="At", type="datetime"),
        "mail": Field(name="mail", label="E-mail", type="email", length=20),
    },
)


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        ("student_annual.city", " Mesa ", " Mesa "),
        ("student_annual.city", "é" * 50, "é" * 50),
        ("student_annual.city", "é" * 51, "value.too_long"),
        ("student_annual.grade", "05", 5),
        ("student_annual.grade", " +5 ", 5),
        ("student_annual.grade", "-1", -1),
        ("student_annual.grade", "0" * 5000 + "7", 7),
        ("student_annual.grade", "12345", "value.too_long"),
        ("student_annual.grade", "9" * 5000, "value.too_long"),
        ("student_annual.grade", "5.0", "value.not_a_number"),
        ("student_annual.grade", "1_0", "value.not_a_number"),
        ("student_annual.grade", "٥", "value.not_a_number"),
        ("student_annual.grade", "+", "value.not_a_number"),
        ("n", str(2**63 - 1), 2**63 - 1),
        ("n", str(2**63), "value.too_long"),
        ("flag", " 1", 1),
        ("flag", "0", 0),
        ("flag", "Y", "value.not_a_flag"),
        ("rank", "0", 0),
        ("rank", "-1", "value.too_small"),
        ("rank", "-", "value.not_a_number"),
        ("at", " 2026-02-28 ", "2026-02-28 00:00:00"),
        ("at", "2026-02-28T23:59:59", "2026-02-28 23:59:59"),
        ("at", "2026-02-28 24:00:00", "value.not_a_time"),
        ("at", "2026-02-28 9:30", "value.not_a_time"),
        ("at", "2026-02-30 09:30:00", "value.not_a_date"),
        ("mail", " lee@example.org ", "lee@example.org"),
        ("mail", "lee+a@sub.example.org", "value.too_long"),
        ("mail", "lee@example", "value.not_an_email"),
        ("mail", "lee@@example.org", "value.not_an_email"),
        ("mail", "a@b.org;c@d.org", "value.not_an_email"),
        ("mail", "Lee <lee@x.org>", "value.not_an_email"),
        ("mail", "lee@example..org", "value.not_an_email"),
        ("students.race", " W ", ["W"]),
        ("students.race", "A;B", ["A;B"]),
        ("students.race", ' ["A","B"]', ["A", "B"]),
        ("students.race", "[]", []),
        ("students.race", "A\ud800", "value.bad_text"),
        ("students.race", "[A]", "value.not_a_list"),
        ("students.race", "[1]", "value.not_a_list"),
        ("students.race", "[" * 5000, "value.not_a_list"),
    ],
)
def test_a_value_is_as_the_catalog_wants_it(target: str, text: str, expected: Any) -> None:
    assert one(direct(target, "City"), text, OTHER) == expected


@pytest.mark.parametrize("text", ["2015-02-29", "20150309", "2015-W10-1", "2015-3-9", "0000-01-01", "٢٠١٥-٠٣-٠٩"])
def test_a_date_is_real_and_written_one_way(text: str) -> None:
    assert mapped().record([*ROW[:3], text])[1][0].code == "value.not_a_date"


@pytest.mark.parametrize("blank", ["", "  ", "\t\u00a0"])
def test_blank_keeps_or_clears(blank: str) -> None:
    for target in ("student_annual.city", "student_annual.grade", "students.race"):
        assert one(direct(target, "City"), blank) is KEEP
        assert one(direct(target, "City", blank="clear"), blank) is None
    compiled = mapped(CITY)
    out, _ = compiled.record([*ROW[:4], blank])
    assert out is not None
    assert "student_annual.city" not in compiled.values(out)


@pytest.mark.parametrize(
    ("more", "text", "expected"),
    [
        ({}, "F", "Female"),
        ({}, " F ", "Female"),
        ({}, "f", "code.unmatched"),
        ({"unmatched": "default", "default": "Other"}, "x", "Other"),
        ({"unmatched": "default"}, "x", KEEP),
        ({"unmatched": "pass"}, "x", "x"),
        ({}, "", KEEP),
        ({"unmatched": "default", "default": "Other"}, " ", KEEP),
        ({"blank": "clear"}, "", None),
    ],
)
def test_match_codes(more: dict[str, Any], text: str, expected: Any) -> None:
    assert one(codes("students.gender", "City", {"F": "Female", "M": "Male"}, **more), text) == expected


def test_a_transformed_value_is_checked_as_any_other() -> None:
    day = step("students.dob", "date", source="Born", **{"from": "M/D/YY", "to": "YYYY-MM-DD", "pivot": 26})
    compiled = compile_mapping(draft(*BASE[:3], day), STUDENTS, COLUMNS, MOMENT)
    assert compiled.record([*ROW[:3], "3/9/15", ""]) == (ROW[:4], [])
    assert one(step("student_annual.city", "value_input", value="Mesa"), "any") == "Mesa"


def test_the_digest_follows_the_values_and_the_fields() -> None:
    compiled, other = mapped(CITY), mapped(direct("student_annual.state", "City"))
    seen = {compiled.digest([*ROW[:4], value]) for value in ("Mesa", "", None, KEEP, 1, 0, [], ["Mesa"], "true")}
    assert len(seen) == 9
    assert {len(digest) for digest in seen} == {20}
    assert other.digest(ROW) != compiled.digest(ROW)
    assert mapped(CITY).digest(ROW) == compiled.digest(ROW)


def test_the_digest_is_the_same_tomorrow_and_whatever_the_order_of_the_rows() -> None:
    moved = compile_mapping(draft(CITY, *reversed(BASE)), STUDENTS, COLUMNS, MOMENT)
    assert moved.fields == mapped(CITY).fields
    assert moved.digest(moved.record(ROW)[0] or []) == "953552a791bcda8e7438"


def test_the_mark_follows_what_is_read_of_a_row_and_nothing_else() -> None:
    compiled = mapped(CITY, columns=(*COLUMNS, "Exported at"))
    mark = compiled.mark([*ROW, "10:15"])
    assert len(mark) == 16
    assert compiled.mark([*ROW, "10:16"]) == mark
    assert mapped(CITY, columns=("Exported at", *reversed(COLUMNS))).mark(["", *reversed(ROW)]) == mark
    assert compiled.mark([*ROW[:4], "Mesa ", "10:15"]) != mark


@pytest.mark.parametrize(
    "row",
    [
        direct("student_annual.state", "City"),
        direct("student_annual.city", "First"),
        direct("student_annual.city", "City", blank="clear"),
        codes("student_annual.city", "City", {"Mesa": "Phoenix"}, unmatched="pass"),
        step("student_annual.city", "value_input", value="Mesa"),
    ],
)
def test_another_mapping_makes_other_marks(row: dict[str, Any]) -> None:
    assert mapped(row).mark(ROW) != mapped(CITY).mark(ROW)


def test_a_mapping_of_no_column_has_one_mark() -> None:
    constants = [step(row["target"], "value_input", value=value) for row, value in zip(BASE, ROW, strict=False)]
    compiled = compile_mapping(draft(*constants), STUDENTS, COLUMNS, MOMENT)
    assert compiled.mark(ROW) == compiled.mark([""] * 5)


def test_half_a_character_hurts_only_its_row() -> None:
    compiled = mapped(CITY, columns=(*COLUMNS, "Note"))
    out, problems = compiled.record([*ROW[:4], "M\ud800", ""])
    assert out is None
    assert [(problem.code, problem.value) for problem in problems] == [("value.bad_text", "M?")]
    assert compiled.key(["\ud800", *ROW[1:]]) == ""
    assert compiled.record([*ROW, "\ud800"]) == (ROW, [])
    assert compiled.record([*ROW[:4], "Méxa", "é"]) == ([*ROW[:4], "Méxa"], [])


EVERYTHING = [
    *BASE[:3],
    step("students.dob", "date", source="Born", **{"from": "M/D/YYYY", "to": "YYYY-MM-DD"}),
    codes("students.gender", "City", {"F": "Female"}, unmatched="pass"),
    *(
        direct(target, "City", blank="clear")
        for target in ("students.race", "student_annual.grade", "students.id", "flag")
    ),
    step("student_annual.phone", "phone_number", source="City", form="9999999999"),
]
anything = st.text() | st.text(st.characters()) | st.text(" \t[]{}\"',0123456789+-/\ud800", max_size=40)
plausible = st.sampled_from(["", " ", "1", "0", "20231", "3/9/2015", "2/30/2015", "2015-03-09", "4805550147", '["1"]'])


@settings(deadline=None)
@given(st.lists(anything | plausible, min_size=5, max_size=5))
def test_no_text_makes_a_record_raise(values: list[str]) -> None:
    for compiled in (WIDE, PLAIN):
        out, problems = compiled.record(values)
        assert (out is None) == bool(problems)
        if out is not None:
            assert compiled.key(values) == str(compiled.values(out)[compiled.match_key]) != ""
            assert compiled.digest(out) == compiled.digest(compiled.record(values)[0] or [])
        for problem in problems:
            assert problem.code
            assert problem.field in compiled.fields
            problem.value.encode()


@given(st.lists(plausible, min_size=5, max_size=5), st.lists(plausible, min_size=5, max_size=5))
def test_the_same_mark_is_the_same_result(one_row: list[str], other: list[str]) -> None:
    for compiled in (WIDE, PLAIN):
        if compiled.mark(one_row) == compiled.mark(other):
            assert compiled.record(one_row) == compiled.record(other)
        else:
            assert one_row != other


WIDE = compile_mapping(draft(*EVERYTHING), OTHER, COLUMNS, MOMENT)
PLAIN = mapped(CITY)


@settings(deadline=None)
@given(st.lists(st.lists(plausible, min_size=5, max_size=5), max_size=20))
def test_threads_may_share_it(rows: list[list[str]]) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(WIDE.record, rows)) == [WIDE.record(row) for row in rows]
