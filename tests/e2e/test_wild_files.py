"""Files as districts really send them: each one is taken, or refused in words that help; nothing else is harmed."""

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.district import ENDED, YEAR, District
from devtools.stack import Stack
from services.sandbox.district import HEADERS, district_rows
from shared.security.trust import trusted
from tests.e2e.enroll import students, writes

STOPPED = frozenset({"needs_approval", *ENDED})
HEADER = list(HEADERS)
ROWS = [row for row in district_rows(30) if all(ord(letter) < 256 for letter in "".join(row))]
FIRST_NAME, CITY = HEADER.index("First Name"), HEADER.index("City")


def table(rows: list[list[str]], delimiter: str = ",", header: list[str] = HEADER) -> str:
    content = io.StringIO()
    writer = csv.writer(content, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return content.getvalue()


def with_cell(number: int, column: int, value: str) -> list[list[str]]:
    """The rows, one value of one of them (0 is the first) replaced."""
    rows = [list(row) for row in ROWS]
    rows[number][column] = value
    return rows


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


@dataclass(frozen=True)
class Taken:
    """The file is read: so many rows are created; those in `failed` (row number: code) fail alone."""

    content: Callable[[], bytes]
    details: dict[str, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    created: int = len(ROWS)
    duplicate: int = 0
    names: dict[int, str] = field(default_factory=dict)


TAKEN = {
    "tab": Taken(lambda: table(ROWS, "\t").encode(), {"separator": "tab"}),
    "semicolon": Taken(lambda: table(ROWS, ";").encode(), {"separator": "semicolon"}),
    "pipe": Taken(lambda: table(ROWS, "|").encode(), {"separator": "pipe"}),
    "windows-1252": Taken(
        lambda: table(with_cell(2, FIRST_NAME, "Zoë €")).encode("cp1252"),
        {"encoding": "windows-1252"},
        names={2: "Zoë €"},
    ),
    "utf-8 with a mark": Taken(
        lambda: table(with_cell(0, FIRST_NAME, "Nguyễn")).encode("utf-8-sig"),
        {"encoding": "utf-8-sig"},
        names={0: "Nguyễn"},
    ),
    "utf-16": Taken(
        lambda: table(with_cell(0, FIRST_NAME, "Łukasz")).encode("utf-16"), {"encoding": "utf-16"}, names={0: "Łukasz"}
    ),
    "old mac line ends": Taken(lambda: table(ROWS).replace("\r\n", "\r").encode()),
    "10 MB in one cell": Taken(
        lambda: table(with_cell(7, CITY, "x" * 10_000_000)).encode(),
        failed={9: "cell.too_long"},
        created=len(ROWS) - 1,
    ),
    "a quoted line break": Taken(
        lambda: table(with_cell(0, FIRST_NAME, 'Anna\r\n"Lu", of 2')).encode(), names={0: 'Anna\r\n"Lu", of 2'}
    ),
    "NUL in a cell": Taken(
        lambda: table(with_cell(3, FIRST_NAME, "No\0ah")).encode(),
        failed={5: "value.nul"},
        created=len(ROWS) - 1,
    ),
    "a row too short, one too long": Taken(
        lambda: table([*ROWS[:5], ROWS[5][:4], [*ROWS[6], "more"], *ROWS[7:]]).encode(),
        failed={7: "row.too_few_values", 8: "row.too_many_values"},
        created=len(ROWS) - 2,
    ),
    "all rows the same": Taken(lambda: table([ROWS[0]] * 20).encode(), created=1, duplicate=19),
    "one byte that is no text": Taken(
        lambda: table(with_cell(4, FIRST_NAME, "Zoë@@")).encode().replace(b"@@", b"\xff\xfe"),
        failed={6: "value.unreadable"},
        created=len(ROWS) - 1,
    ),
    "headers in capitals with spaces": Taken(
        lambda: table(ROWS, header=[f" {name.upper()} " for name in HEADER]).encode()
    ),
    "trailing separators": Taken(
        lambda: table([[*row, "", ""] for row in ROWS], header=[*HEADER, "", ""]).encode(),
    ),
}


@dataclass(frozen=True)
class Refused:
    """The run fails with this code, and nothing is written."""

    content: Callable[[], bytes]
    code: str


REFUSED = {
    "0 bytes": Refused(lambda: b"", "file.empty"),
    "blank lines alone": Refused(lambda: b"\r\n\r\n  \r\n", "file.no_header"),
    "headers alone": Refused(lambda: table([]).encode(), "file.no_rows"),
    "a header twice": Refused(
        lambda: table(ROWS, header=["City" if name == "State" else name for name in HEADER]).encode(),
        "file.duplicate_header",
    ),
    "a column without a name": Refused(
        lambda: table(ROWS, header=["" if name == "State" else name for name in HEADER]).encode(),
        "file.unnamed_column",
    ),
    "an Excel workbook": Refused(workbook, "file.not_text"),
    "a PDF": Refused(lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "file.not_text"),
    "a web page": Refused(lambda: b"<!DOCTYPE html><html><body>Sign in</body></html>", "file.not_text"),
    "NULs only": Refused(lambda: b"\0" * 5000, "file.not_text"),
    "another table": Refused(lambda: b"Course,Room\r\nMath,12\r\n", "mapping.column_missing"),
}


async def sent(district: District, path: Path, content: bytes) -> tuple[str, dict[str, Any]]:
    path.write_bytes(content)
    connection = await district.ad_hoc()
    return connection, await district.watch((await district.upload(connection, path))["id"], states=STOPPED, seconds=40)


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN.keys())
async def test_taken(case: Taken, district: District, tmp_path: Path) -> None:
    _, run = await sent(district, tmp_path / "wild.csv", case.content())

    assert run["state"] == ("partial" if case.failed else "succeeded"), run
    assert case.details.items() <= run["stage"]["details"].items()
    counts = run["counts"]
    assert (counts["created"], counts["invalid"]) == (case.created, len(case.failed))
    assert counts["rows"] == counts["created"] + counts["invalid"] + counts["duplicate"], "nothing is lost"
    assert counts["duplicate"] == case.duplicate
    failed = await district.records(run["id"], outcome="Failed")
    assert {one["row"]: one["problems"][0]["code"] for one in failed} == case.failed
    for one in failed:
        assert one["problems"][0]["message"]
        assert one["problems"][0]["fix"]
        assert len(one["problems"][0]["value"]) <= 200
    held = await students(district)
    assert len(held) == case.created
    for number, name in case.names.items():
        assert held[ROWS[number][0]]["students.fname"] == name


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
async def test_refused(case: Refused, district: District, tmp_path: Path, stack: Stack) -> None:
    before = stack.process("importer").pid, stack.process("importer-2").pid

    connection, run = await sent(district, tmp_path / "wild.csv", case.content())

    assert (run["state"], run["error"]["code"]) == ("failed", case.code), run
    assert run["error"]["message"]
    assert run["error"]["fix"]
    assert set((await writes(district)).values()) == {0}
    assert (stack.process("importer").pid, stack.process("importer-2").pid) == before
    assert stack.process("importer").running
    assert stack.process("importer-2").running
    good = tmp_path / "good.csv"
    good.write_bytes(table(ROWS[:2]).encode())
    assert (await district.watch((await district.upload(connection, good))["id"]))["counts"]["created"] == 2


async def test_all_rows_with_one_key_fail_and_ask_nobody(district: District, tmp_path: Path) -> None:
    rows = [[ROWS[0][0], *row[1:]] for row in ROWS[:12]]

    _, run = await sent(district, tmp_path / "wild.csv", table(rows).encode())

    assert (run["state"], run["reasons"], run["counts"]["invalid"]) == ("failed", [], 12)
    failed = await district.records(run["id"], outcome="Failed")
    assert [one["row"] for one in failed] == list(range(2, 14))
    assert {one["problems"][0]["code"] for one in failed} == {"key.repeated"}
    assert "3, 4, 5" in failed[0]["problems"][0]["message"]
    assert set((await writes(district)).values()) == {0}


async def test_a_quotation_mark_left_open_waits(district: District, tmp_path: Path) -> None:
    content = table(ROWS).replace(ROWS[20][3], '"' + ROWS[20][3], 1).encode()

    _, run = await sent(district, tmp_path / "wild.csv", content)

    assert run["state"] == "needs_approval", run
    assert run["reasons"][0]["code"] == "guard.cut_short"
    (failed,) = await district.records(run["id"], outcome="Failed")
    assert failed["problems"][0]["code"] == "row.unclosed_quote"


@pytest.mark.parametrize(
    ("sent_as", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\Users\\me\\año.csv", "año.csv"), ("x" * 400 + ".csv", "x" * 255)],
    ids=["path", "windows path", "long"],
)
async def test_file_names(sent_as: str, kept: str, district: District) -> None:
    connection = await district.ad_hoc()

    answer = await district.api.post(
        f"/connections/{connection}/imports/students",
        params={"school_year": YEAR},
        files={"file": (sent_as, table(ROWS[:1]).encode(), "text/csv")},
    )

    assert answer.status_code == 202
    assert answer.json()["source"]["name"] == kept
    assert (await district.watch(answer.json()["id"]))["state"] == "succeeded"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"files": {"other": ("a.csv", b"x", "text/csv")}}, 422),
        ({"data": {"file": "just text"}}, 422),
        ({"content": b"", "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 422),
        ({"content": b"junk", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ],
    ids=["other field", "no file", "json", "broken form", "no boundary"],
)
async def test_a_request_without_a_file(given: dict[str, Any], status: int, district: District) -> None:
    connection = await district.ad_hoc()

    answer = await district.api.post(
        f"/connections/{connection}/imports/students", params={"school_year": YEAR}, **given
    )

    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "fix"}
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        assert (await client.get(f"{district.stack.url('gateway')}/readyz")).status_code == 200
