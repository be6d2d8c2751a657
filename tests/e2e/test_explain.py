"""Every value can be explained: which run, row, column and mapping put it there, over what, and what came last."""

from pathlib import Path
from typing import Any

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_mapping
from tests.e2e.enroll import turn
from tests.e2e.files import edited, read, roster, write

ROWS = 120
STREET = "student_annual.address"


async def explained(district: District, data_type: str = "students", **query: Any) -> dict[str, Any]:
    (found,) = (await district.api.get(f"/explain/{data_type}", params=query)).raise_for_status().json()
    answer: dict[str, Any] = found
    return answer


def by_field(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["field"]: one for one in found["fields"]}


async def imported(district: District, connection: str, file: Path, **query: Any) -> dict[str, Any]:
    return await district.watch((await district.upload(connection, file, **query))["id"])


async def test_each_field_tells_who_wrote_it_and_what_stood_there(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", ROWS)
    key, street = read(first)[3]["Student ID"], read(first)[3]["Street"]
    loaded = await imported(district, connection, first)
    await district.map_students(connection, {**student_mapping()})
    runs = [
        await imported(district, connection, edited(first, {5: {"Street": f"{number} New St"}}, f"{number}.csv"))
        for number in (1, 2, 3)
    ]

    found = await explained(district, key=key)
    assert (found["connection"], found["key"]) == (connection, key)
    assert found["last"]["outcome"] == "Succeeded"
    fields = by_field(found)
    last = fields[STREET]
    assert (last["value"], last["before"], last["label"]) == ("3 New St", "2 New St", "Address")
    by = last["by"]
    assert (by["run"], by["row"], by["columns"], by["source_name"]) == (runs[2]["id"], 5, ["Street"], "3.csv")
    assert (by["mapping"], by["mapping_name"], by["mapping_version"]) == (runs[2]["mapping"], "default", 2)
    assert (by["trigger"]["by"], by["trigger"]["kind"], by["state"]) == (district.user, "person", "succeeded")
    assert [one["value"] for one in last["earlier"]] == ["2 New St", "1 New St", street]
    assert last["earlier"][-1]["by"]["mapping_version"] == 1
    name = fields["students.fname"]
    assert (name["by"]["run"], name["before"], name["earlier"]) == (loaded["id"], None, [])

    paged = by_field(await explained(district, key=key, field=STREET, earlier=1))
    assert list(paged) == [STREET]
    assert [one["value"] for one in paged[STREET]["earlier"]] == ["2 New St"]
    behind = by_field(await explained(district, key=key, field=STREET, before=paged[STREET]["next"]))
    assert [one["value"] for one in behind[STREET]["earlier"]] == ["1 New St", street]
    assert behind[STREET]["next"] is None

    assert await explained(district, target_id=found["target_id"]) == found


async def test_what_the_last_run_decided(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", ROWS)
    same, bad, gone, marked = [row["Student ID"] for row in read(first)[:4]]
    await imported(district, connection, first)
    broken = edited(first, {3: {"Birth Date": "02/30/2015"}})
    await imported(district, connection, write(tmp_path / "less.csv", [read(broken)[0], read(broken)[1]]))

    decided = {key: (await explained(district, key=key))["last"] for key in (same, bad, gone)}
    assert {key: one["outcome"] for key, one in decided.items()} == {same: "Unchanged", bad: "Failed", gone: "Absent"}
    assert [one["code"] for one in decided[bad]["problems"]] == ["date.not_real"]
    assert (decided[same]["by"]["row"], decided[bad]["by"]["row"]) == (2, 3)

    rows = [row for row in read(first) if row["Student ID"] != marked]
    run = await imported(district, connection, write(tmp_path / "full.csv", rows), roster="full")
    missing = by_field(await explained(district, key=marked))["students.sis_missing"]
    assert (missing["value"], missing["before"]) == (1, 0)
    assert (missing["by"]["run"], missing["by"]["row"], missing["by"]["columns"]) == (run["id"], None, [])


async def test_what_went_into_a_sis_is_explained_by_the_registration(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        await sis.make()
        (registration,) = await district.register(await enrolled(district, tmp_path, 1))
        run = await district.watch((await district.export(await sis.connect()))["id"])
        found = await explained(district, key=registration, direction="export")
        name = by_field(found)["name.first_name"]
        assert (name["by"]["run"], name["by"]["columns"]) == (run["id"], ["students.fname"])
        assert name["value"] == (await sis.held())["students"][0]["name"]["first_name"]
        assert await explained(district, target_id=found["target_id"], direction="export") == found
        for name in (found["label"], found["label"].split()[0][:3].upper(), found["label"].rpartition(", ")[2]):
            asked = {"name": name, "direction": "export"}
            (known,) = (await district.api.post("/explain/students/search", json=asked)).raise_for_status().json()
            assert (known["key"], known["label"]) == (str(registration), found["label"]), name
            assert known["target_id"] == found["target_id"]
        await turn(district, users={district.user: ["Sync Service Full Access"]})
        assert (await district.api.post("/explain/students/search", json=asked)).status_code == 403
        refused = await district.api.get("/explain/students", params={"key": registration, "direction": "export"})
        assert refused.status_code == 403


async def test_nobody_elses_record_is_explained(stack: Stack, district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    file = roster(tmp_path / "district.csv", 5)
    await imported(district, connection, file)
    key = read(file)[0]["Student ID"]
    id = (await explained(district, key=key))["target_id"]
    name = read(file)[0]["Last Name"]
    mine = (await district.api.post("/explain/students/search", json={"name": name})).raise_for_status().json()
    assert key in {one["key"] for one in mine}
    async with District(stack, f"{district.org}-neighbour") as neighbour:
        await neighbour.ad_hoc()
        found = await neighbour.api.post("/explain/students/search", json={"name": name})
        assert found.json() == []
        for query in ({"key": key}, {"target_id": id}, {"key": key, "connection": connection}):
            answer = await neighbour.api.get("/explain/students", params=query)
            assert answer.status_code == 404, answer.text
    for path, query in (("students", {"key": "nobody"}), ("nothing", {"key": key}), ("schools", {"key": key})):
        assert (await district.api.get(f"/explain/{path}", params=query)).status_code == 404
    assert (await district.api.get("/explain/students")).json()["error"]["code"] == "record.not_named"
    await turn(district, users={district.user: ["View Registrations"]})
    assert (await district.api.get("/explain/students", params={"key": key})).status_code == 403
