"""Export files: their names, their rows, and that what is written is read back the same."""

import csv
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.adapters.delimited import DelimitedWriter, neutralized
from shared.adapters.file_sources import UploadSource
from shared.mapping.export_rows import CompiledRows, compile_rows
from shared.model.errors import BadMapping
from shared.model.export_file import ExportDraft, ExportFile
from shared.model.moment import Moment

AT = datetime(2026, 9, 1, 2, 5)  # noqa: DTZ001 - the clock of the district
COLUMNS = ("students.fname", "students.lname", "students.dob")
ROW = ["José", "Nguyễn", "2015-03-09"]


def export(*columns: Any, **more: Any) -> ExportFile:
    given = columns or ("students.fname", "students.lname")
    shaped = [one if isinstance(one, dict) else {"header": one.split(".")[1], "source": one} for one in given]
    return ExportFile.model_validate({"name": "roster", "columns": shaped, **more})


def rows(file: ExportFile) -> CompiledRows:
    return compile_rows(file, COLUMNS, Moment(date(2026, 9, 1), 2026))


def written(file: ExportFile, *cells: list[str]) -> bytes:
    place = io.BytesIO()
    writer = DelimitedWriter(place, file)
    for row in cells:
        writer.write([row])
    assert (writer.rows, writer.size) == (len(cells), len(place.getvalue()))
    assert writer.sha256 == hashlib.sha256(place.getvalue()).hexdigest()
    return place.getvalue()


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("roster", {}, "roster.csv"),
        ("students_{YYYY}{MM}{DD}", {"extension": "txt"}, "students_20260901.txt"),
        ("{school_year}-{school_year_end} at {HH}{mm}", {"extension": "tsv"}, "2026-2027 at 0205.tsv"),
        ("Nguyễn {YY}", {}, "Nguyễn 26.csv"),
    ],
)
def test_a_file_name_has_the_day_and_the_year_in_it(name: str, more: dict[str, Any], expected: str) -> None:
    assert export(name=name, **more).file_name(AT, 2026) == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{DAY}", "There is no {DAY}"),
        ("{YYYY", "braces only around"),
        ("../roster", "holds none of"),
        ("a\\b", "holds none of"),
        ("a:b", "holds none of"),
        ("a\nb", "holds none of"),
        (".hidden", "neither begins nor ends"),
        ("roster.", "neither begins nor ends"),
        (" roster", "neither begins nor ends"),
        ("CON", "Windows keeps"),
        ("lpt1.x", "Windows keeps"),
        ("", "at least 1"),
        ("x" * 151, "at most 150"),
    ],
)
def test_a_file_name_that_no_system_takes_is_refused(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        export(name=name)


def test_two_files_have_two_names() -> None:
    one, other = export(), export(extension="txt")
    assert len(ExportDraft(files=(one, other)).files) == 2
    with pytest.raises(ValidationError, match="the same name"):
        ExportDraft(files=(one, export(name="ROSTER")))


def test_two_files_have_two_names_also_once_the_day_is_in_them() -> None:
    draft = ExportDraft(files=(export(name="{YYYY}"), export(name="{school_year}")))
    assert draft.file_names(AT, 2027) == ["2026.csv", "2027.csv"]
    with pytest.raises(BadMapping, match="the same name now"):
        draft.file_names(AT, 2026)


@pytest.mark.parametrize(("headers", "said"), [(("A", " a"), "the same header"), (("A", " "), "no header")])
def test_columns_of_a_file_with_a_header_can_be_told_apart(headers: tuple[str, ...], said: str) -> None:
    columns = [{"header": header, "source": "students.fname"} for header in headers]
    with pytest.raises(ValidationError, match=said):
        export(*columns)
    assert export(*columns, header=False).columns


def test_columns_come_in_order_and_from_any_source() -> None:
    upper = {"header": "LAST", "source": {"transformation": "upper", "options": {"source": "students.lname"}}}
    file = export(
        "students.dob", upper, {"header": "Year", "source": {"transformation": "enroll_school_year", "options": {}}}
    )
    assert rows(file).headers == ("dob", "LAST", "Year")
    assert rows(file).row(ROW) == (["2015-03-09", "NGUYỄN", "2026"], [])


def test_what_cannot_be_made_is_told_for_every_column() -> None:
    file = export(
        "students.shoe", "students.fname", {"header": "X", "source": {"transformation": "shuffle", "options": {}}}
    )
    with pytest.raises(BadMapping) as caught:
        rows(file)
    assert caught.value.code == "export.invalid"
    assert "Column 1: " in caught.value.message
    assert "Column 3: There is no transformation 'shuffle'." in caught.value.message


def test_a_bad_record_tells_all_that_is_wrong() -> None:
    options = {"source": "students.dob", "from": "M/D/YYYY", "to": "YYYY"}
    born = {"header": "Born", "source": {"transformation": "date", "options": options}}
    file = export("students.fname", "students.lname", born, encoding="windows-1252")
    out, problems = rows(file).row(["Mara", "Nguyễn", "2015-03-09"])
    assert out is None
    assert [(one.column, one.code) for one in problems] == [
        ("lname", "value.not_in_encoding"),
        ("Born", "date.wrong_pattern"),
    ]
    assert [one.code for one in rows(export()).row(["\ud800", "x", ""])[1]] == ["value.bad_text"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, b'fname,lname\r\nJos\xc3\xa9,"a,b"\r\n'),
        ({"separator": "tab", "line_end": "lf"}, b"fname\tlname\nJos\xc3\xa9\ta,b\n"),
        ({"text_identifier": "single"}, b"fname,lname\r\nJos\xc3\xa9,'a,b'\r\n"),
        ({"header": False, "quote": "all"}, b'"Jos\xc3\xa9","a,b"\r\n'),
        ({"encoding": "windows-1252"}, b'fname,lname\r\nJos\xe9,"a,b"\r\n'),
        ({"encoding": "utf-8-bom"}, b'\xef\xbb\xbffname,lname\r\nJos\xc3\xa9,"a,b"\r\n'),
    ],
)
def test_the_form_of_the_file(more: dict[str, Any], expected: bytes) -> None:
    assert written(export(**more), ["José", "a,b"]) == expected


def test_text_identifiers_inside_a_value_are_doubled() -> None:
    assert written(export(header=False), ['a"b', "x"]) == b'"a""b",x\r\n'
    assert written(export(header=False, text_identifier="single"), ["O'Neil", "x"]) == b"'O''Neil',x\r\n"


@pytest.mark.parametrize(
    "cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1+1", "-1+cmd|x", "--1"]
)
def test_a_formula_is_neutralized(cell: str) -> None:
    assert neutralized(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "-", "=", "-1", "+1 (480) 555-0147", "-12.50", "a=b", "O'Neil", "2015-03-09", " x"]
)
def test_what_is_no_formula_stays(cell: str) -> None:
    assert neutralized(cell) == cell


def test_the_switch_leaves_formulas_as_they_are() -> None:
    assert written(export(header=False), ["=1+1", "x"]) == b"'=1+1,x\r\n"
    assert written(export(header=False, neutralize_formulas=False), ["=1+1", "x"]) == b"=1+1,x\r\n"


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
forms = st.fixed_dictionaries(
    {
        "separator": st.sampled_from(["comma", "tab"]),
        "text_identifier": st.sampled_from(["double", "single"]),
        "quote": st.sampled_from(["needed", "all"]),
        "line_end": st.sampled_from(["crlf", "lf"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-bom"]),
        "header": st.booleans(),
    }
)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells).map(list), max_size=8), forms, st.booleans())
def test_what_is_written_is_read_back_the_same(table: list[list[str]], form: dict[str, Any], safe: bool) -> None:
    file = export(neutralize_formulas=safe, **form)
    text = written(file, *table).decode("utf-8-sig" if form["encoding"] == "utf-8-bom" else "utf-8")
    separator = "," if form["separator"] == "comma" else "\t"
    quote = '"' if form["text_identifier"] == "double" else "'"
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote))
    if form["header"]:
        assert found.pop(0) == ["fname", "lname"]
    assert found == ([[neutralized(cell) for cell in row] for row in table] if safe else table)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_no_cell_runs_in_a_spreadsheet(cell: str) -> None:
    safe = neutralized(cell)
    assert safe in (cell, f"'{cell}")
    first = safe.lstrip(" ")[:1]
    assert first not in set("=@\t\r") or len(cell) == 1


async def test_our_own_import_reads_it(tmp_path: Path) -> None:
    table = [["José", 'two\r\nlines, "x"'], ["", " y "]]

    async def content() -> AsyncIterator[bytes]:
        yield written(export(), *table)

    async with UploadSource("roster.csv", content, tmp_path) as source:
        found = [values for batch in [one async for one in source.batches()] for _, values in batch.rows]
        assert source.info.columns == ("fname", "lname")
    assert found == table
