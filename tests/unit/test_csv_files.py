"""Reading delimited files: what arrives, what is refused, and what hurts only one row."""

import asyncio
import codecs
import csv
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.adapters.csv_files import CUT_SHORT, MAX_CELL_CHARS
from shared.adapters.csv_header import MAX_TITLE_ROWS, SEPARATORS, layout
from shared.adapters.file_sources import UploadSource
from shared.adapters.spool import spool
from shared.model.errors import BadInput, Unavailable
from shared.model.ports import SourceInfo
from shared.model.record import Problem
from tests.unit.roster_sets import packed

Read = tuple[SourceInfo, list[tuple[int, list[str]]], list[tuple[int, Problem]], list[str]]


def chunks(data: bytes, size: int = 100_000) -> Callable[[], AsyncIterator[bytes]]:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return stream


async def read(data: bytes, *, max_cell_chars: int = MAX_CELL_CHARS, size: int = 100_000) -> Read:
    async with UploadSource("roster.csv", chunks(data, size), None, max_cell_chars) as source:
        rows: list[tuple[int, list[str]]] = []
        bad: list[tuple[int, Problem]] = []
        async for batch in source.batches():
            rows += batch.rows
            bad += batch.bad
        return source.info, rows, bad, list(source.warnings)


async def refusal(data: bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        await read(data)
    assert caught.value.fix
    return caught.value


async def test_facts_of_the_file() -> None:
    data = b"id,name\r\n1,Ada\r\n2,Bo\r\n"
    info, rows, bad, warnings = await read(data)
    assert info.columns == ("id", "name")
    assert (info.name, info.size, info.sha256) == ("roster.csv", len(data), hashlib.sha256(data).hexdigest())
    assert info.details == {"encoding": "utf-8", "separator": "comma"}
    assert rows == [(2, ["1", "Ada"]), (3, ["2", "Bo"])]
    assert (bad, warnings) == ([], [])


@pytest.mark.parametrize(
    ("codec", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("windows-1252", "windows-1252")],
)
@pytest.mark.parametrize("filler", [0, 200_000])
async def test_encodings_are_decided_over_the_whole_file(codec: str, named: str, filler: int) -> None:
    text = "id,name\n" + "0,x\n" * filler + "1,José Núñez\n"
    info, rows, bad, _ = await read(text.encode(codec))
    assert info.details["encoding"] == named
    assert info.columns == ("id", "name")
    assert rows[-1] == (filler + 2, ["1", "José Núñez"])
    assert not bad


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_characters_split_between_chunks(size: int) -> None:
    _, rows, _, _ = await read("id,name\n1,Łukasz €\n".encode(), size=size)
    assert rows == [(2, ["1", "Łukasz €"])]


async def test_utf16_big_endian() -> None:
    data = codecs.BOM_UTF16_BE + "id\tname\r\n1\tZoë\r\n".encode("utf-16-be")
    info, rows, _, _ = await read(data)
    assert info.details == {"encoding": "utf-16", "separator": "tab"}
    assert rows == [(2, ["1", "Zoë"])]


async def test_bytes_windows_1252_does_not_define_fail_their_row() -> None:
    _, rows, bad, _ = await read(b"id,name\n1,Ren\xe9\n2,\x81x\n3,Bo\n")
    assert rows == [(2, ["1", "René"]), (4, ["3", "Bo"])]
    assert [(number, problem.code, problem.column) for number, problem in bad] == [(3, "value.unreadable", "name")]


async def test_a_damaged_utf8_file_fails_its_row_and_garbles_no_other() -> None:
    info, rows, bad, _ = await read("id,name\n1,José\n2,".encode() + b"Ren\xe9\n" + "3,Zoë\n".encode())
    assert info.details["encoding"] == "utf-8"
    assert rows == [(2, ["1", "José"]), (4, ["3", "Zoë"])]
    assert [(number, problem.code) for number, problem in bad] == [(3, "value.unreadable")]


@pytest.mark.parametrize(("mark", "named"), [(",", "comma"), ("\t", "tab"), (";", "semicolon"), ("|", "pipe")])
async def test_separators(mark: str, named: str) -> None:
    others = "".join({",", "\t", ";", "|"} - {mark})
    text = mark.join(["id", f'"name {others * 3}"', "grade"]) + "\n" + mark.join(["1", "Ada", "7"]) + "\n"
    info, rows, _, _ = await read(text.encode())
    assert info.details["separator"] == named
    assert info.columns == ("id", f"name {others * 3}".strip(), "grade")
    assert rows == [(2, ["1", "Ada", "7"])]


async def test_one_column() -> None:
    info, rows, _, _ = await read(b"id\n1\n\n2")
    assert info.columns == ("id",)
    assert rows == [(2, ["1"]), (4, ["2"])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_line_ends_and_quoted_line_breaks(end: bytes) -> None:
    data = end.join([b"id,note", b'1,"one' + end + b'two ""x"""', b"2,b", b""])
    _, rows, _, _ = await read(data)
    assert rows == [(2, ["1", f'one{end.decode()}two "x"']), (3, ["2", "b"])]


async def test_blank_rows_are_numbered_and_skipped() -> None:
    info, rows, bad, _ = await read(b"\n,,\nid,name\n\n1,Ada\n,\n,,,\n2,Bo\n")
    assert info.columns == ("id", "name")
    assert rows == [(5, ["1", "Ada"]), (8, ["2", "Bo"])]
    assert not bad


async def test_header_names_are_trimmed_and_trailing_separators_tolerated() -> None:
    info, rows, bad, _ = await read(b" id , name,,\n1,Ada,,\n2,Bo\n3,Cy,,x\n")
    assert info.columns == ("id", "name")
    assert rows == [(2, ["1", "Ada"]), (3, ["2", "Bo"])]
    assert [(number, problem.code) for number, problem in bad] == [(4, "row.too_many_values")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n ", "\n\n", "\v", "\u2028"])
async def test_a_header_that_is_wrapped_is_one_line(end: str) -> None:
    info, rows, bad, _ = await read(f'id,"First{end}Name","{end}Last  Name{end}"\n1,Ada,"Lo{end}ve"\n'.encode())
    assert info.columns == ("id", "First Name", "Last  Name")
    assert [row for _, row in rows] == [["1", "Ada", f"Lo{end}ve"]]
    assert not bad


async def test_headers_that_differ_in_a_line_break_alone_are_one() -> None:
    assert (await refusal(b'id,"Home\nPhone",home phone\n1,a,b\n')).code == "file.duplicate_header"


async def test_headers_only() -> None:
    info, rows, bad, warnings = await read(b"id,name")
    assert info.columns == ("id", "name")
    assert (rows, bad, warnings) == ([], [], [])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file.empty"),
        (b"\xef\xbb\xbf", "file.no_header"),
        (b"\r\n\r\n,,\n", "file.no_header"),
        (b"1001,2012-03-04,5\n1002,2012-05-06,5\n", "file.no_header"),
        (b"id,Name,name \n1,a,b\n", "file.duplicate_header"),
        (b"id,,name\n1,,b\n", "file.unnamed_column"),
        (b"id,na\0me\n1,b\n", "file.not_text"),
        (b"PK\x03\x04" + b"\0" * 50, "archive.damaged"),
        (packed({"[Content_Types].xml": b"<x/>"}), "file.not_text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1" + b"\0" * 50, "file.not_text"),
        (b"%PDF-1.7\n", "file.not_text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "file.not_text"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "file.not_text"),
        (b"<!DOCTYPE html><html></html>", "file.not_text"),
        (b'id,"name\n1,b\n', "file.unclosed_quote"),
        (",".join(f"c{n}" for n in range(2_001)).encode(), "file.too_many_columns"),
    ],
)
async def test_files_that_are_refused(data: bytes, code: str) -> None:
    assert (await refusal(data)).code == code


async def test_a_refusal_says_what_to_do_and_shows_no_data() -> None:
    assert "Excel" in (await refusal(packed({"[Content_Types].xml": b"<x/>"}))).message
    error = await refusal(b"Maria,Quill,Maria\n")
    assert "Columns A and C" in error.message
    assert "Maria" not in str(error)


async def test_ragged_rows_hurt_only_themselves() -> None:
    _, rows, bad, warnings = await read(b"id,name\n1\n2,Bo\n3,Cy,x\n4,Di\n")
    assert rows == [(3, ["2", "Bo"]), (5, ["4", "Di"])]
    assert [(number, problem.code) for number, problem in bad] == [
        (2, "row.too_few_values"),
        (4, "row.too_many_values"),
    ]
    assert all(problem.fix for _, problem in bad)
    assert not warnings


async def test_nul_hurts_only_its_row() -> None:
    _, rows, bad, _ = await read(b"id,name\n1,A\0da\n2,Bo\n")
    assert rows == [(3, ["2", "Bo"])]
    assert [(number, problem.code, problem.value) for number, problem in bad] == [(2, "value.nul", "Ada")]


@pytest.mark.parametrize("text", [b"x" * 10_000_000, b'"' + b"line\n" * 2_000_000 + b'"'])
async def test_a_ten_megabyte_value_hurts_only_its_row(text: bytes) -> None:
    _, rows, bad, _ = await read(b"id,note\n1,a\n2," + text + b"\n3,c\n")
    assert rows == [(2, ["1", "a"]), (4, ["3", "c"])]
    [(number, problem)] = bad
    assert (number, problem.code, problem.column, len(problem.value)) == (3, "cell.too_long", "note", 100)


async def test_the_longest_value_taken() -> None:
    _, rows, bad, _ = await read(b"id,note\n1,12345\n2,123456\n", max_cell_chars=5)
    assert rows == [(2, ["1", "12345"])]
    assert [number for number, _ in bad] == [3]


@pytest.mark.parametrize("text", [b'"' + b"Ada,7\n" * 3_000_000, b"x" * 17_000_000])
async def test_a_row_without_end_is_refused_by_number(text: bytes) -> None:
    error = await refusal(b"id,note\n1,a\n2," + text)
    assert error.code == "file.unclosed_quote"
    assert "Row 3 " in error.message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'id,name\n1,Ada\n2,"Bo', "row.unclosed_quote"),
        (b'id,name\n1,Ada\n2,"Bo\n3,Cy\n', "row.unclosed_quote"),
        (b"id,name\n1,Ada\n2", "row.too_few_values"),
        ("id,name\n1,José\n2,Zo".encode() + "ë".encode()[:1], "value.unreadable"),
        ("id,name\n1,Ada\n2,Zoë".encode("utf-16")[:-1], "value.unreadable"),
    ],
)
async def test_half_written_files(data: bytes, code: str) -> None:
    _, rows, bad, warnings = await read(data)
    assert [number for number, _ in rows] == [2]
    assert [(number, problem.code) for number, problem in bad] == [(3, code)]
    assert warnings == [CUT_SHORT]


async def test_a_whole_last_row_without_line_end_is_no_warning() -> None:
    _, rows, _, warnings = await read(b'id,name\n1,"Ada"')
    assert rows == [(2, ["1", "Ada"])]
    assert not warnings


async def test_batches_are_small_and_memory_stays_flat() -> None:
    line = b"1," + b"y" * 2_000 + b"\n"

    async def stream() -> AsyncIterator[bytes]:
        yield b"id,note\n"
        for _ in range(600):
            yield line * 100

    process = psutil.Process()
    before = process.memory_info().rss
    async with UploadSource("big.csv", stream) as source:
        seen = [(len(batch.rows), process.memory_info().rss) async for batch in source.batches()]
    assert sum(count for count, _ in seen) == 60_000
    assert max(count for count, _ in seen) <= 2_100
    assert max(rss for _, rss in seen) - before < 60_000_000, "the file has 120 MB"


async def test_leaving_early_closes_the_file() -> None:
    async with UploadSource("roster.csv", chunks(b"id\n" + b"1\n" * 10_000)) as source:
        batches = source.batches()
        await anext(batches)
    with pytest.raises(ValueError, match="closed"):
        await anext(batches)


async def test_cancelling_in_the_middle_of_a_batch_is_clean() -> None:
    async with UploadSource("roster.csv", chunks(b"id,name\n" + b"1,Ada\n" * 50_000)) as source:
        task = asyncio.ensure_future(anext(source.batches()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_sender_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"id,name\n"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await spool(stream(), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_cancelling_while_bytes_arrive_leaves_nothing(tmp_path: Path) -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"id,name\n"
            arrived.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    task = asyncio.create_task(spool(stream(), tmp_path))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
    assert list(tmp_path.iterdir()) == []


async def test_more_bytes_than_taken() -> None:
    with pytest.raises(BadInput) as caught:
        await spool(chunks(b"x" * 3_000_000)(), max_bytes=2_000_000)
    assert caught.value.code == "file.too_large"


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        await spool(chunks(b"id\n")(), tmp_path / "file")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = st.text(st.sampled_from("abcdefgh ñ世"), min_size=1, max_size=8).map(str.strip).filter(bool)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    columns = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(columns), max_size=len(columns)), max_size=8))
    return columns, rows


@given(tables(), st.sampled_from(",\t"), st.sampled_from(["utf-8", "utf-8-sig"]), st.booleans())
def test_any_table_is_read_back_the_same(
    table: tuple[list[str], list[list[str]]], mark: str, codec: str, unix: bool
) -> None:
    columns, rows = table
    # A table of one column is told from others by nothing but what its cells do not hold.
    assume(len(columns) > 1 or (mark == "," and not any(set(cell) & set("\t;|") for row in rows for cell in row)))
    text = io.StringIO(newline="")
    if unix:
        writer = csv.writer(text, delimiter=mark, lineterminator="\n", quoting=csv.QUOTE_ALL)
    else:
        writer = csv.writer(text, delimiter=mark)
    writer.writerows([columns, *rows])
    info, read_rows, bad, warnings = asyncio.run(read(text.getvalue().encode(codec), size=5))
    assert list(info.columns) == columns
    assert read_rows == [(number, row) for number, row in enumerate(rows, 2) if any(row)]
    assert (bad, warnings) == ([], [])


@given(
    st.one_of(
        st.binary(max_size=300), st.lists(st.sampled_from(b'a1,\t"\r\n\0\xff\xfe\xc3\xa9\x81;'), max_size=80).map(bytes)
    )
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        info, rows, _, _ = asyncio.run(read(data, max_cell_chars=20))
    except BadInput:
        return
    assert all(len(row) == len(info.columns) for _, row in rows)


TABLE = b"ID,First,Last\r\n1,Ada,Lee\r\n2,Bo,Lee\r\n"


@pytest.mark.parametrize(
    ("data", "header_row"),
    [
        (b"Mesa USD Student Roster\r\n" + TABLE, 2),
        (b"Mesa USD Student Roster,,\r\n\r\nPrinted 3/9/2026,,\r\n" + TABLE, 4),
        (b"Student Roster, 2026\r\n" + TABLE.replace(b",", b"\t"), 2),
        (b"sep=;\r\n" + TABLE.replace(b",", b";"), 2),
        (b"\r\n,,\r\n" + TABLE, 3),
        (TABLE + b"\x1a", 1),
        (b'"Roster, of all\r\nour schools"\r\n' + TABLE, 2),
    ],
)
async def test_titles_above_the_header_are_passed_over(data: bytes, header_row: int) -> None:
    info, rows, bad, warnings = await read(data)
    assert info.columns == ("ID", "First", "Last")
    assert rows == [(header_row + 1, ["1", "Ada", "Lee"]), (header_row + 2, ["2", "Bo", "Lee"])]
    assert (bad, warnings) == ([], [])


@pytest.mark.parametrize(
    "data",
    [
        b"ID\r\n1\r\n2\r\n",
        b"ID,First,Last\r\n1,Ada\r\n2,Bo\r\n",
        b"ID,First,Last\r\n1,Ada,Lee,x\r\n2,Bo,Lee\r\n",
        b"ID,Note\r\n1,a;b;c\r\n2,d;e;f\r\n",
    ],
)
async def test_a_header_that_some_row_fits_is_the_header(data: bytes) -> None:
    assert (await read(data))[0].columns[0] == "ID"


@given(st.text(alphabet='ab1,;\t|"\r\n ', max_size=80))
def test_every_head_has_a_layout(head: str) -> None:
    found = layout(head)
    assert found.separator in SEPARATORS
    assert 0 <= found.skipped <= MAX_TITLE_ROWS
