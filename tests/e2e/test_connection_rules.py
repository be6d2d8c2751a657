"""What a connection may be given: what belongs to its kind, and what fits together."""

import asyncio
from typing import Any

import httpx
import pytest

from devtools.district import District, ok
from tests.faults.helpers import database

BLOCKS: dict[str, dict[str, Any]] = {
    "sftp": {"host": "sftp.example.org", "user": "district"},
    "powerschool": {"base_url": "https://ps.example.org"},
    "aeries": {"base_url": "https://aeries.example.org"},
    "skyward": {"base_url": "https://skyward.example.org/StuAPI"},
    "secrets": {"password": "kx-92-orchard"},
}
LATE = {"start_date": "2027-05-28", "end_date": "2026-08-10"}


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    error: dict[str, str] = answer.json()["error"]
    return error


async def test_a_school_year_does_not_end_before_it_began(district: District) -> None:
    id = await district.ad_hoc()
    words = "exports.end_date: The last day of school has to be after the first, which is 2027-05-28."
    new = {"name": "Late", "kind": "ad_hoc", "exports": LATE}
    for answer in (
        await district.api.post("/connections", json=new),
        await district.api.patch(f"/connections/{id}", json={"exports": LATE}),
    ):
        assert told(answer)["message"] == words
    fine = {"start_date": "2026-08-10", "end_date": "2027-05-28"}
    assert ok(await district.api.patch(f"/connections/{id}", json={"exports": fine})).is_success


RULES = {
    "match": ["state_id"],
    "new_students": "pre_enrolled",
    "start_date": "2026-08-10",
    "school_starts": [{"school": "100", "date": "2026-08-12"}, {"school": "200", "date": "2026-08-17"}],
    "end_date": "2027-05-28",
}
LIMITS = {"missing_percent": 3, "changed_percent": 20, "invalid_percent": 4, "few": 2}


async def test_what_is_left_out_of_a_part_stays_as_it_is(district: District) -> None:
    await district.open_schools(_100="Mesa Elementary", _200="Alder High")
    id = await district.ad_hoc(limits=LIMITS, exports=RULES)

    async def change(**values: Any) -> dict[str, Any]:
        held: dict[str, Any] = ok(await district.api.patch(f"/connections/{id}", json=values)).json()
        assert held | {"schools_compared": None} == ok(await district.api.get(f"/connections/{id}")).json() | {
            "schools_compared": None
        }
        return held

    assert (await change(limits={"invalid_percent": 7}))["limits"] == {**LIMITS, "invalid_percent": 7}
    assert (await change(exports={"end_date": "2027-06-04"}))["exports"] == {**RULES, "end_date": "2027-06-04"}
    fewer = [{"school": "200", "date": "2026-08-18"}]
    assert (await change(exports={"school_starts": fewer}))["exports"]["school_starts"] == fewer, "lists: whole"
    cleared = await change(exports={"end_date": "", "match": ["student_id"]}, limits={"few": 0})
    now = {**RULES, "end_date": "", "match": ["student_id"], "school_starts": fewer}
    assert (cleared["exports"], cleared["limits"]["few"], cleared["limits"]["changed_percent"]) == (now, 0, 20)
    assert (await change(exports={}, limits={}))["exports"] == now


async def test_several_who_change_a_part_at_once_take_nothing_back_from_each_other(district: District) -> None:
    id = await district.ad_hoc(limits={"few": 5})
    answers = await asyncio.gather(
        *(district.api.patch(f"/connections/{id}", json={"limits": {name: value}}) for name, value in LIMITS.items())
    )
    assert [one.status_code for one in answers] == [200] * 4
    assert ok(await district.api.get(f"/connections/{id}")).json()["limits"] == LIMITS


async def test_what_is_given_has_to_go_with_what_is_there(district: District) -> None:
    id = await district.ad_hoc(exports={"start_date": "2026-08-10", "end_date": "2027-05-28"})
    refused = await district.api.patch(f"/connections/{id}", json={"exports": {"start_date": "2027-05-28"}})
    words = "exports.end_date: The last day of school has to be after the first, which is 2027-05-28."
    assert told(refused)["message"] == words


async def test_a_school_has_one_first_day(district: District) -> None:
    await district.open_schools(_100="Mesa Elementary")
    id = await district.ad_hoc()
    rules = {"school_starts": [{"school": "100", "date": f"2026-08-{day}"} for day in (12, 17)]}
    words = "exports.school_starts: A school has one first day. There more than once: 100."
    for answer in (
        await district.api.post("/connections", json={"name": "Twice", "kind": "ad_hoc", "exports": rules}),
        await district.api.patch(f"/connections/{id}", json={"exports": rules}),
    ):
        assert told(answer)["message"] == words
    async with database(district.stack) as db:  # as it could be given before
        await db["connections"].update_one({"_id": id}, {"$set": {f"exports.{name}": rules[name] for name in rules}})
    assert ok(await district.api.patch(f"/connections/{id}", json={"name": "Renamed"})).json()["name"] == "Renamed"


async def test_settings_of_a_kind_are_changed_one_by_one(district: District) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF8vJ0mCyrq6Bv8X5pKXo8e3kN0m7mGvC6yT3Z0pQ1Rs"
    sftp = {**BLOCKS["sftp"], "port": 2222, "pattern": "students*.csv", "host_key": key}
    aeries = {**BLOCKS["aeries"], "database_year": 2026, "schools": [990, 994], "contacts": False}

    async def made(kind: str, **settings: Any) -> str:
        body = {"name": kind, "kind": kind, kind: settings}
        id: str = ok(await district.api.post("/connections", json=body)).json()["id"]
        return id

    async def change(id: str, kind: str, **values: Any) -> dict[str, Any]:
        held: dict[str, Any] = ok(await district.api.patch(f"/connections/{id}", json={kind: values})).json()[kind]
        return held

    files, sis = await made("sftp", **sftp), await made("aeries", **aeries)
    assert sftp.items() <= (await change(files, "sftp", export_folder="out")).items()
    moved = await change(files, "sftp", host="other.example.org")
    assert (moved["host"], moved["port"], moved["export_folder"], moved["host_key"]) == (
        "other.example.org",
        2222,
        "out",
        "",
    )
    assert {**aeries, "page_size": 50}.items() <= (await change(sis, "aeries", page_size=50)).items()
    assert (await change(sis, "aeries", database_year=None, schools=[]))["database_year"] is None
    refused = await district.api.patch(f"/connections/{sis}", json={"aeries": {"base_url": ""}})
    assert told(refused)["message"].startswith("aeries.base_url: ")


async def test_one_is_changed_only_as_it_was_read(district: District) -> None:
    id = await district.ad_hoc()

    async def change(if_match: str | None, **values: Any) -> httpx.Response:
        headers = {"If-Match": if_match} if if_match is not None else {}
        return await district.api.patch(f"/connections/{id}", json=values, headers=headers)

    read = ok(await district.api.get(f"/connections/{id}")).headers["etag"]
    first = ok(await change(read, time_zone="America/Denver"))
    refused = await change(read, name="Late")
    assert (refused.status_code, refused.json()["error"]["code"]) == (412, "etag.outdated")
    assert "Read it again" in refused.json()["error"]["fix"]
    now = ok(await district.api.get(f"/connections/{id}"))
    assert (now.json()["name"], now.headers["etag"]) == ("Uploads", first.headers["etag"])
    assert ok(await change(first.headers["etag"], name="In time", schools=[])).json()["name"] == "In time"
    assert ok(await change(None, name="As before")).json()["name"] == "As before"

    tag = ok(await district.api.get(f"/connections/{id}")).headers["etag"]
    answers = await asyncio.gather(*(change(tag, name=f"Quick {number}") for number in range(6)))
    assert sorted(one.status_code for one in answers) == [200, *[412] * 5]
    described = ok(await district.api.get(district.stack.url("gateway") + "/openapi.json")).json()
    assert "412" in described["paths"]["/api/v1/connections/{id}"]["patch"]["responses"]


async def test_one_that_was_kept_before_that_was_asked_is_still_read(district: District) -> None:
    id = await district.ad_hoc()
    async with database(district.stack) as db:
        await db["connections"].update_one(
            {"_id": id}, {"$set": {f"exports.{name}": day for name, day in LATE.items()}}
        )
    held = ok(await district.api.patch(f"/connections/{id}", json={"name": "Renamed"})).json()
    assert (held["name"], held["exports"]["end_date"]) == ("Renamed", LATE["end_date"])


@pytest.mark.parametrize(
    ("kind", "foreign"),
    [("ad_hoc", "sftp"), ("ad_hoc", "secrets"), ("sftp", "powerschool"), ("aeries", "sftp"), ("aeries", "skyward")],
)
async def test_what_is_of_another_kind_is_refused(kind: str, foreign: str, district: District) -> None:
    own = {} if kind == "ad_hoc" else {kind: BLOCKS[kind]}
    body = {"name": "N", "kind": kind, **own, foreign: BLOCKS[foreign]}
    refused = told(await district.api.post("/connections", json=body))
    assert (refused["code"], refused["message"]) == (
        "connection.other_kind",
        f"A connection of the kind {kind} takes no {foreign}.",
    )
    assert (await district.api.get("/connections")).json() == []
    id = ok(await district.api.post("/connections", json={"name": "N", "kind": kind, **own})).json()["id"]
    if foreign == "secrets":
        answer = await district.api.put(f"/connections/{id}/credentials", json=BLOCKS[foreign])
    else:
        answer = await district.api.patch(f"/connections/{id}", json={foreign: BLOCKS[foreign]})
    assert told(answer) == refused
    assert ok(await district.api.get(f"/connections/{id}")).json().get(foreign) is None


@pytest.mark.parametrize(
    ("kind", "secrets", "words"),
    [
        ("aeries", {"certificat": "kx-92"}, "certificate: Field required; certificat: Extra inputs are not permitted"),
        ("powerschool", {}, "client_id: Field required; client_secret: Field required"),
        ("sftp", {"password": 5}, "password: Input should be a valid string"),
    ],
)
async def test_credentials_are_judged_as_those_of_their_kind(
    kind: str, secrets: dict[str, Any], words: str, district: District
) -> None:
    body = {"name": "N", "kind": kind, kind: BLOCKS[kind]}
    refused = told(await district.api.post("/connections", json={**body, "secrets": secrets}))
    assert refused["message"] == "; ".join(f"secrets.{part}" for part in words.split("; "))
    id = ok(await district.api.post("/connections", json=body)).json()["id"]
    assert told(await district.api.put(f"/connections/{id}/credentials", json=secrets))["message"] == words
    other = {"certificate": "kx-92"} if kind != "aeries" else {"password": "kx-92"}
    assert told(await district.api.put(f"/connections/{id}/credentials", json=other))["code"] == "sis.other_login"
    assert ok(await district.api.get(f"/connections/{id}/credentials")).json() == {"stored": False}
    of_none = told(await district.api.post("/connections", json={**body, "kind": "nonsense", "secrets": secrets}))
    assert of_none["message"].startswith("kind: Input should be")
    assert "secrets" not in of_none["message"]


async def test_the_description_still_tells_what_credentials_are(district: District) -> None:
    described = ok(await district.api.get(district.stack.url("gateway") + "/openapi.json")).json()
    sent = described["paths"]["/api/v1/connections/{id}/credentials"]["put"]["requestBody"]["content"]
    shapes = [one["$ref"].rpartition("/")[2] for one in sent["application/json"]["schema"]["anyOf"]]
    assert shapes == ["SftpSecrets", "ClientSecrets", "CertificateSecrets"]
