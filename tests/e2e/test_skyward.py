"""Students out of Skyward: connected, tested, proposed with their contacts, imported, then only what changed."""

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS
from devtools.stack import Stack
from tests.e2e.enroll import students

STUDENTS = 60


async def test_students_are_imported_and_then_only_what_changed(stack: Stack, unique: str) -> None:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        sis = SISS["skyward"](district)
        await sis.make(students=STUDENTS, page_cap=25)
        connection = await sis.connect()
        tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
        assert tested["ok"]
        read = await district.api.post(f"/connections/{connection}/mappings/students/read")
        proposals = read.raise_for_status().json()["proposals"]
        targets = {one["row"]["target"] for one in proposals}
        assert {"students.fname", "students.lname", "students.dob", "student_annual.guardian1_fname"} <= targets, (
            targets
        )
        await district.map_students(connection, {"fields": [one["row"] for one in proposals]})

        run = await district.watch((await district.pull(connection))["id"])
        told = [one["problems"] for one in await district.records(run["id"], limit=2)]
        assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS), (run["error"], told)
        assert all(one["students.dob"] for one in (await students(district)).values())

        path = f"/sandbox/skyward/{district.org}/objects/Demographics/Name"
        (one, *_) = (await sis.held())["students"]
        patched = await district.enroll.patch(f"{path}/{one['NameID']}", json={"LastName": "Quintanilla"})
        patched.raise_for_status()
        again = await district.watch((await district.pull(connection))["id"])
        counts = {name: again["counts"][name] for name in ("updated", "unchanged", "missing")}
        assert (again["state"], counts) == ("succeeded", {"updated": 1, "unchanged": STUDENTS - 1, "missing": 0})
