"""OneRoster CSV sets: each student one row, with birth date, school and guardians from the other files."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.file_sources import UploadSource
from shared.model.contacts import contact_field, contact_name
from shared.model.errors import BadInput
from tests.examples import examples
from tests.unit.roster_sets import DEMOGRAPHICS, ORGS, manifest, packed, set_1_1, set_1_2, written

SETS = {"1.1": set_1_1, "1.2": set_1_2}


def source(content: bytes, data_type: str = "students", spool_dir: Path | None = None) -> UploadSource:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return UploadSource("set.zip", chunks, spool_dir, data_type=data_type)


async def table(content: bytes, data_type: str = "students") -> list[dict[str, str]]:
    async with source(content, data_type) as one:
        columns = one.info.columns
        return [dict(zip(columns, row, strict=True)) async for batch in one.batches() for _, row in batch.rows]


async def refusal(content: bytes, data_type: str = "students") -> str:
    with pytest.raises(BadInput) as caught:
        await table(content, data_type)
    assert caught.value.fix
    return caught.value.code


@pytest.mark.parametrize("version", SETS)
async def test_a_student_is_one_row_with_all_that_the_set_says(version: str) -> None:
    found = await table(packed(SETS[version]()))
    assert [one["sourcedId"] for one in found] == ["u1", "u2", "u3"]
    mara = found[0]
    wanted = {"givenName": "Mara", "familyName": "Nguyễn", "identifier": "20231", "birthDate": "2015-03-09"}
    wanted |= {"sex": "female", "races": "asian,white", "school.identifier": "100", "school.name": "Cañon Elementary"}
    wanted |= {"1 - Contacts.FirstName": "Ana", "1 - Contacts.Emails1": "ana@example.org"}
    wanted |= {
        "1 - Contacts.Phones1": "4805550147",
        "2 - Contacts.FirstName": "Li",
        "2 - Contacts.Phones2": "4805550148",
    }
    assert {name: mara[name] for name in wanted} == wanted
    assert mara["1 - Contacts.Relationship"] == ("guardian" if version == "1.1" else "parent")
    assert mara["3 - Contacts.FirstName"] == ""
    assert [found[1][f"{slot} - Contacts.FirstName"] for slot in (1, 2, 3)] == ["Li", "Pat", "Ana"]
    assert [one["school.identifier"] for one in found] == ["100", "200", "200"]
    assert (found[2]["races"], found[2]["1 - Contacts.FirstName"]) == ("", "")


@pytest.mark.parametrize("version", SETS)
async def test_passwords_are_not_even_read_on(version: str) -> None:
    found = await table(packed(SETS[version]()))
    assert not {"password", "orgSourcedIds", "primaryOrgSourcedId", "agentSourcedIds"} & set(found[0])
    assert "hunter2" not in str(found)


async def test_what_it_was_and_where_each_row_stands(tmp_path: Path) -> None:
    content = packed(set_1_2(), folder="export/")
    async with source(content, spool_dir=tmp_path / "spool") as one:
        assert (one.info.details["form"], one.info.size) == ("OneRoster 1.2 CSV", len(content))
        batches = [batch async for batch in one.batches()]
        assert not list((tmp_path / "spool").iterdir()), "nothing of it has a name on the disk"
    assert [number for batch in batches for number, _ in batch.rows] == [3, 4, 5]
    links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd.isdigit() and _stands(fd)]
    assert not [link for link in links if link.startswith(str(tmp_path))]


def _stands(fd: str) -> bool:
    return Path(f"/proc/self/fd/{fd}").is_symlink()


async def test_schools_come_with_their_district() -> None:
    found = await table(packed(set_1_1()), "schools")
    assert [(one["identifier"], one["name"], one["parent.name"]) for one in found] == [
        ("100", "Cañon Elementary", "Mesa Verde Unified"),
        ("200", "Juniper Middle", "Mesa Verde Unified"),
    ]


async def test_without_demographics_the_columns_are_not_there() -> None:
    found = await table(packed(set_1_1(demographics=b"")))
    assert "birthDate" not in found[0]
    assert "races" not in found[0]


async def test_an_archive_of_one_table_is_that_table() -> None:
    assert await table(packed({"students.csv": b"ID,Name\n1,Ada\n"}, folder="a/b/")) == [{"ID": "1", "Name": "Ada"}]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (packed(set_1_1(manifest=manifest("1.1", "delta"))), "roster.delta"),
        (packed(set_1_1(orgs=b"")), "roster.no_file"),
        (packed({"orgs.csv": written(ORGS)}), "roster.no_file"),
        (packed(set_1_1(users=b"sourcedId,givenName\r\nu1,Mara\r\n")), "roster.no_column"),
        (packed(set_1_2(users=b"sourcedId,familyName\r\nu1,Lee\r\n")), "roster.no_column"),
        (packed(set_1_1(demographics=b"id,birthDate\r\nu1,2015-03-09\r\n")), "roster.no_column"),
        (packed(set_1_1(users=b"")), "roster.no_file"),
        (packed({"a.csv": b"A\n1\n", "b.csv": b"A\n1\n"}), "archive.several"),
        (packed({"readme.md": b"x"}), "archive.empty"),
        (packed({"__MACOSX/a.csv": b"x", ".a.csv": b"x"}), "archive.empty"),
        (packed({"[Content_Types].xml": b"<x/>", "a.csv": b"A\n"}), "file.not_text"),
        (packed(set_1_1())[:-40], "archive.damaged"),
        (b"PK\x03\x04", "archive.damaged"),
    ],
)
async def test_a_bad_set_is_told(content: bytes, code: str) -> None:
    assert await refusal(content) == code


async def test_what_oneroster_does_not_hold() -> None:
    assert await refusal(packed(set_1_1()), "programs") == "roster.other_type"


async def test_damaged_and_locked_members_are_told() -> None:
    content = packed({"a.csv": b"ID,Name\n" + b"1,Ada\n" * 5000})
    broken = bytearray(content)
    broken[60] ^= 0xFF
    assert await refusal(bytes(broken)) == "archive.damaged"
    locked = bytearray(content)
    for sign in (b"PK\x03\x04", b"PK\x01\x02"):
        locked[content.index(sign) + (6 if sign[2] == 3 else 8)] |= 1
    assert await refusal(bytes(locked)) == "archive.encrypted"


@settings(max_examples=examples(40), deadline=None)
@given(st.binary(max_size=300), st.integers(0, 1200), st.sampled_from(list(SETS)))
async def test_no_archive_makes_it_raise_anything_else(noise: bytes, at: int, version: str) -> None:
    whole = packed(SETS[version]())
    try:
        await table(whole[:at] + noise + whole[at + len(noise) :])
    except BadInput:
        return


@given(st.integers(1, 9999), st.sampled_from(["FirstName", "Emails", "Phones", "last_name"]), st.integers(0, 99))
def test_the_name_of_a_contacts_field_says_which(slot: int, field: str, number: int) -> None:
    assert contact_field(contact_name(slot, f"{field}{number or ''}")) == (slot, field, number)


@pytest.mark.parametrize(
    "name", ["0 - Contacts.FirstName", "Contacts.FirstName", "1 - Contacts.", "1 - programs.id", ""]
)
def test_other_names_are_not_a_contacts(name: str) -> None:
    assert contact_field(name) is None


def test_the_sets_have_what_the_tests_speak_of() -> None:
    assert {one["sourcedId"] for one in DEMOGRAPHICS} == {"u1", "u2", "u3"}
