"""The simulated Skyward as a client meets it: logins, fields, pages, searches, writes, and what it refuses."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from shared.security.trust import trusted

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANT = {"grant_type": "client_credentials"}
LOGIN = {"client_id": "client", "client_secret": "secret"}


class Client:
    """A client of one simulated server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def make(self, **spec: Any) -> None:
        (await self.http.put("/sandbox/skyward/d", json=spec)).raise_for_status()
        answer = await self.http.post("/skyward/d/oauth/token", data=GRANT, auth=("client", "secret"))
        self.http.headers["Authorization"] = f"Bearer {answer.json().get('access_token', '')}"

    async def call(self, method: str, path: str, *, tree: str = "Generic/1", **how: Any) -> httpx.Response:
        return await self.http.request(method, f"/skyward/d/{tree}/{path}", **how)

    async def rows(self, path: str, *fields: str, body: Any = None, tree: str = "Generic/1") -> list[dict[str, Any]]:
        """The first thousand."""
        params = {"searchFields": list(fields)}
        method = "GET" if body is None else "POST"
        answer = await self.call(method, f"{path}/1/1000", tree=tree, params=params, json=body)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["Objects"]
        return found

    async def create(self, path: str, key: str, **values: Any) -> int:
        answer = await self.call("PUT", path, params={"searchFields": key}, json={"DataObject": values})
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {key}
        return int(answer.json()[key])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with serving(create_app(World("token")), bind("127.0.0.1", 0)) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def sis(address: str) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20, verify=trusted()) as http:
        client = Client(http)
        await client.make()
        yield client


def one(name: str, kind: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"StringSearchCondition": {"FieldName": name, "ConditionType": kind, "Value": value, **more}}


def search(condition: Any, *sort: tuple[str, bool]) -> dict[str, Any]:
    sorts = [{"FieldName": name, "Descending": descending} for name, descending in sort]
    return {"SearchCondition": condition, "SearchSort": sorts}


def group(how: str, *conditions: Any) -> dict[str, Any]:
    return {"SearchConditionGroup": {"ConditionGroupType": how, "Conditions": list(conditions)}}


async def test_the_credentials_come_in_each_of_three_ways(sis: Client) -> None:
    encoded = base64.b64encode(b"cl%69ent:secret").decode()
    ways: dict[str, dict[str, Any]] = {
        "basic": {"method": "POST", "data": GRANT, "auth": ("client", "secret")},
        "form": {"method": "POST", "data": {**GRANT, **LOGIN}},
        "get": {"method": "GET", "params": GRANT, "headers": {"Authorization": f"Basic {encoded}"}},
    }
    del sis.http.headers["Authorization"]
    for style in ways:
        await sis.http.put("/sandbox/skyward/d", json={"logins": [style], "students": 1})
        for other, asked in ways.items():
            answer = await sis.http.request(url="/skyward/d/oauth/token", **asked)
            assert answer.status_code == (200 if other == style else 401), (style, other)
            if other == style:
                assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    wrong = await sis.http.post("/skyward/d/oauth/token", data=GRANT, auth=("client", "wrong"))
    assert (wrong.status_code, "wrong" in wrong.text) == (401, False)
    assert (await sis.http.post("/skyward/nobody/oauth/token", data=GRANT)).status_code == 404


@pytest.mark.parametrize(("expired", "said"), [(403, "Forbidden"), (400, "Token has expired")])
async def test_a_token_ends_in_one_of_two_ways(sis: Client, expired: int, said: str) -> None:
    await sis.make(token_calls=2, expired=expired)
    for _ in range(2):
        assert (await sis.call("GET", "Student/Student/1/5")).status_code == 200
    answer = await sis.call("GET", "Student/Student/1/5")
    assert (answer.status_code, said in answer.text) == (expired, True)
    await sis.make(token_life=0, expired=expired)
    assert (await sis.call("GET", "Student/Student/1/5")).status_code == expired


async def test_no_columns_without_search_fields(sis: Client) -> None:
    assert (await sis.rows("Student/Student"))[0].keys() == {"StudentID"}
    assert (await sis.rows("Student/Student", "Grade"))[0].keys() == {"StudentID", "Grade"}
    answer = await sis.call("GET", "Student/Student/1/1?searchFields[0]=Grade&searchFields[1]=Name.FirstName")
    assert answer.json()["Objects"][0].keys() == {"StudentID", "Grade", "Name.FirstName"}
    single = await sis.call("GET", "Student/Student/1?searchFields=NameID")
    assert single.json().keys() == {"StudentID", "NameID"}


async def test_a_dotted_path_reaches_one_related_object(sis: Client) -> None:
    flat = (await sis.rows("Demographics/Address", "Zip.ZipCode", "Street.Name"))[0]
    assert len(flat["Zip.ZipCode"]) == 5
    assert (await sis.call("GET", "Demographics/Address/1/1?searchFields=Zip.State.Code")).status_code == 400
    await sis.make(nested=True)
    nested = (await sis.rows("Demographics/Address", "Zip.ZipCode", "Street.Name"))[0]
    assert nested["Zip"]["ZipCode"] == flat["Zip.ZipCode"]


async def test_forbidden_fields_break_the_call(sis: Client) -> None:
    await sis.make(forbidden=["Demographics/Name.BirthDate", "Demographics/NamePhone"])
    for fields in ("Name.BirthDate", "Grade&searchFields=Name.BirthDate", "NoSuchField", "Nothing.Name"):
        answer = await sis.call("GET", f"Student/Student/1/5?searchFields={fields}")
        assert (answer.status_code, bool(answer.text)) == (400, True), fields
    hidden = search(one("Name.BirthDate", "NotNull"))
    assert (await sis.call("POST", "Student/Student/1/5", json=hidden)).status_code == 400
    assert (await sis.call("GET", "Student/Student/1/5?searchFields=Name.FirstName")).status_code == 200
    assert (await sis.call("GET", "Demographics/NamePhone/1/5")).status_code == 403


async def test_metadata_names_objects_and_fields(sis: Client) -> None:
    objects = (await sis.call("GET", "Student")).json()
    assert objects["Student"] == [{"href": "/Generic/1/Student/Student"}]
    about = (await sis.call("GET", "Student/Student")).json()
    assert about["StudentID"]["PrimaryKey"]
    assert about["Grade"]["ReadOnly"]
    assert "ReadOnly" not in about["NameID"]
    assert all(isinstance(one, dict) for one in about.values())
    assert about["Relationships"]["Name"] == {"Object": "Demographics/Name", "Field": "NameID"}
    assert "ValidationRules" in about
    assert (await sis.call("GET", "Nowhere")).status_code == 404
    assert (await sis.call("GET", "Student/Nothing")).status_code == 404
    system = (await sis.http.get("/skyward/d/Custom/GetSystemMetadata")).json()["System"]
    assert system["Districts"][0]["SchoolYearCurrent"]["NumericYear"] == 2027
    assert await sis.rows("Student/Student", tree="Custom/1") == await sis.rows("Student/Student")


@pytest.mark.parametrize("cap", [1, 7, 20, 100])
async def test_pages_are_linked_and_the_link_drops_the_body(sis: Client, cap: int) -> None:
    await sis.make(page_cap=cap)
    body = search(one("StudentID", "Greater", 3), ("StudentID", True))
    path, found = "/Generic/1/Student/Student/1/50?searchFields=StudentNumber", []
    while path:
        answer = (await sis.http.post(f"/skyward/d{path}", json=body)).json()
        found += [row["StudentID"] for row in answer["Objects"]]
        path = answer["Paging"]["Next"]
        assert not path or "searchFields=StudentNumber" in path
    assert found == list(range(20, 3, -1))
    assert (await sis.call("GET", "Student/Student/99/50")).json() == {"Objects": [], "Paging": {"Next": ""}}
    assert (await sis.call("GET", "Student/Student/0/50")).status_code == 400


@pytest.mark.parametrize(("paging", "link"), [("repeats", "/1/50?searchFields=Grade"), ("bare", "")])
async def test_links_may_be_odd(sis: Client, paging: str, link: str) -> None:
    await sis.make(paging=paging)
    answer = await sis.call("GET", "Student/Student/1/50?searchFields=Grade")
    assert answer.json()["Paging"]["Next"].endswith(link)
    bare = await sis.call("GET", "Student/Student/1/5?searchFields=Grade")
    assert ("?" in bare.json()["Paging"]["Next"]) is (paging != "bare")
    await sis.make(paging="none")
    assert (await sis.call("GET", "Student/Student/1/5")).json().keys() == {"Objects"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (one("StudentID", "Equal", 4), {4}),
        ({"LongSearchCondition": {"fieldname": "StudentID", "Conditiontype": "lessequal", "value": "3"}}, {1, 2, 3}),
        (one("StudentID", "Less", 3), {1, 2}),
        (one("StudentID", "GreaterEqual", "19"), {19, 20}),
        (one("StudentID", "List", List=[2, "5"]), {2, 5}),
        (group("And", one("StudentID", "NotList", List=[1, 2]), one("StudentID", "Less", 5)), {3, 4}),
        (group("or", one("StudentID", "Equal", 1), one("StudentID", "Equal", 9)), {1, 9}),
        (
            {"searchconditiongroup": {"conditions": [one("StudentID", "Greater", 3), one("StudentID", "Less", 5)]}},
            {4},
        ),
        (group("And", group("Or", one("StudentID", "Equal", 1)), one("StudentID", "NotEqual", 2)), {1}),
        (one("StudentNumber", "Ends", "0007"), {7}),
        (one("StudentNumber", "Like", "200000_"), set(range(1, 10))),
        (group("And", one("StudentNumber", "Begins", "20000"), one("StudentNumber", "Contains", "11")), {11}),
        (one("IsGraduated", "Null"), set()),
        (group("And", one("Name.LastName", "NotNull"), one("StudentID", "Equal", 2)), {2}),
        (group("And", one("IsCurrentActive", "Equal", "true"), one("StudentID", "Less", 3)), {1, 2}),
        ({}, set(range(1, 21))),
    ],
    ids=str,
)
async def test_posts_search(sis: Client, condition: Any, expected: set[int]) -> None:
    for body in (search(condition), {"searchcondition": condition}):
        assert {row["StudentID"] for row in await sis.rows("Student/Student", body=body)} == expected


@pytest.mark.parametrize(
    "condition",
    [
        one("Nothing", "Equal", 1),
        one("StudentID", "Resembles", 1),
        one("StudentID", "Equal", "x"),
        one("StudentID", "List"),
        group("Xor", one("StudentID", "Equal", 1)),
        {"Something": 1},
        [1],
    ],
    ids=str,
)
async def test_a_search_that_makes_no_sense_is_refused(sis: Client, condition: Any) -> None:
    answer = await sis.call("POST", "Student/Student/1/5", json=search(condition))
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


async def test_the_entity_changes_what_is_visible(sis: Client) -> None:
    everyone = await sis.rows("Student/Student")
    assert len(everyone) == 20
    entities = {one["EntityID"] for one in await sis.rows("Enrollment/EntryWithdrawal", "EntityID")}
    seen: set[int] = set()
    for entity in entities:
        tree = f"Generic/{entity}"
        rows = await sis.rows("Student/Student", tree=tree)
        assert 0 < len(rows) < 20
        seen |= {row["StudentID"] for row in rows}
        assert len(await sis.rows("Enrollment/School", tree=tree)) == 1
        absent = next(row["StudentID"] for row in everyone if row not in rows)
        assert (await sis.call("GET", f"Student/Student/{absent}", tree=tree)).status_code == 404
    assert len(seen) == 20
    assert (await sis.call("GET", "Student/Student/1/5", tree="Generic/999")).status_code == 404
    this, last = ({"SchoolYearID": year} for year in (2, 1))
    counts = [
        len((await sis.call("GET", "Enrollment/EntryWithdrawal/1/99", params=year)).json()["Objects"])
        for year in (this, last)
    ]
    assert counts == [20, 2]


async def test_put_creates_a_student_step_by_step_and_post_updates(sis: Client) -> None:
    name = await sis.create("Demographics/Name", "NameID", FirstName="Ines", LastName="Outis", IsWhite=True)
    student = await sis.create("Student/Student", "StudentID", NameID=name)
    (row,) = await sis.rows("Student/Student", "StudentNumber", "Grade", body=search(one("NameID", "Equal", name)))
    assert row == {"StudentID": student, "StudentNumber": "2000021", "Grade": None}
    reference = (await sis.rows("Enrollment/GradeReference", body=search(one("Code", "Equal", "03"))))[0]
    enrolled = {"EntityID": 3, "SchoolID": 2, "SchoolYearID": 2, "StartDate": "2026-08-10T00:00:00"}
    await sis.create(
        "Enrollment/EntryWithdrawal",
        "EntryWithdrawalID",
        StudentID=student,
        GradeReferenceID=reference["GradeReferenceID"],
        **enrolled,
    )
    fields = "searchFields=Grade&searchFields=IsCurrentActive&searchFields=GradYear&searchFields=ModifiedTime"
    shown = (await sis.call("GET", f"Student/Student/{student}?{fields}")).json()
    assert (shown["Grade"], shown["IsCurrentActive"], shown["GradYear"]) == ("03", True, 2036)
    assert shown["ModifiedTime"] > "2026-08-01T08:00:00"

    changed = {"DataObject": {"NameID": name, "LastName": "Quintanilla"}}
    answer = await sis.call("POST", f"Demographics/Name/{name}?searchFields=LastName", json=changed)
    assert answer.json() == {"NameID": name, "LastName": "Quintanilla"}
    phone = await sis.create(
        "Demographics/NamePhone", "NamePhoneID", NameID=name, PhoneNumber="4805550100", PhoneTypeID=1, Rank=1
    )
    assert (await sis.call("DELETE", f"Demographics/NamePhone/{phone}")).status_code == 200
    assert (await sis.call("GET", f"Demographics/NamePhone/{phone}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("Demographics/Name", {"FirstName": "Ines"}),
        ("Demographics/Name", {"FirstName": "Ines", "LastName": "Outis", "Shoe": 1}),
        ("Demographics/Name", {"FirstName": "Ines", "LastName": "Outis", "EthnicityAndRace": "White"}),
        ("Demographics/Name", {"FirstName": "Ines", "LastName": "Outis", "NameID": 5}),
        ("Student/Student", {"NameID": 999_999}),
        ("Student/Student", {"NameID": "1"}),
        ("Student/Student", {"NameID": 1, "Grade": "03"}),
        ("Student/Student", {"NameID": 1, "StudentNumber": "2000001"}),
        ("Student/Student", {"NameID": 1, "CalculatedStudentStateID": "1"}),
    ],
    ids=str,
)
async def test_a_write_that_is_not_right_changes_nothing(sis: Client, path: str, values: dict[str, Any]) -> None:
    before = await sis.rows(path)
    answer = await sis.call("PUT", path, json={"DataObject": values})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    unreadable = await sis.call("PUT", f"{path}?searchFields=Nothing", json={"DataObject": {}})
    assert unreadable.status_code == 400
    assert await sis.rows(path) == before


async def test_updates_and_deletes_that_are_refused(sis: Client) -> None:
    refused: list[tuple[str, str, dict[str, Any], int]] = [
        ("POST", "Student/Student/1", {"json": {"DataObject": {"GradYear": 2030}}}, 400),
        ("POST", "Student/Student/1", {"json": {"DataObject": {"StudentID": 2}}}, 400),
        ("POST", "Student/Student/1", {"json": {"DataObject": {"StudentNumber": "2000002"}}}, 400),
        ("POST", "Student/Student/1", {"json": {"Data": {}}}, 400),
        ("POST", "Student/Student/1", {"content": b"{"}, 400),
        ("POST", "Student/Student/999", {"json": {"DataObject": {}}}, 404),
        ("DELETE", "Student/Student/1", {}, 400),
        ("DELETE", "Student/Student/999", {}, 404),
    ]
    for method, path, how, status in refused:
        assert (await sis.call(method, path, **how)).status_code == status, (method, path, how)
    await sis.make(read_only=["Demographics/Name"], numbers=False)
    assert (await sis.call("POST", "Demographics/Name/1", json={"DataObject": {}})).status_code == 403
    assert (await sis.call("PUT", "Student/Student", json={"DataObject": {"NameID": 1}})).status_code == 400


async def test_a_test_may_change_what_is_read_only(sis: Client) -> None:
    path = "/sandbox/skyward/d/objects/Student/Student/1"
    assert (await sis.http.patch(path, json={"CalculatedStudentStateID": "77"})).status_code == 204
    answer = await sis.call("GET", "Student/Student/1?searchFields=CalculatedStudentStateID")
    assert answer.json()["CalculatedStudentStateID"] == "77"
    assert (await sis.http.patch(path, json={"Grade": "77"})).status_code == 400
    assert (await sis.http.patch(path.replace("/1", "/99"), json={})).status_code == 404


async def test_guardians_belong_to_families_and_to_students(sis: Client) -> None:
    of_students = {one["NameIDGuardian"] for one in await sis.rows("Family/StudentGuardian", "NameIDGuardian")}
    of_families = {one["NameID"] for one in await sis.rows("Family/FamilyGuardian", "NameID")}
    assert of_students < of_families
    assert len(await sis.rows("Family/StudentFamily")) == 20


async def test_addresses_stand_in_four_tables(sis: Client) -> None:
    rows = await sis.rows("Demographics/NameAddress", "NameID", "AddressID", "IsMailing", "IsPhysical")
    shown = await sis.rows("Demographics/Address", "FullAddress", "StreetID", "POBox", "FreeformAddress", "ZipID")
    addresses = {one["AddressID"]: one for one in shown}
    assert {row["AddressID"] for row in rows} == set(addresses)
    assert all(", AZ 85" in one["FullAddress"] and one["ZipID"] for one in addresses.values())
    assert [sum(bool(one[name]) for one in shown) for name in ("FreeformAddress", "POBox")] == [2, 2]


async def test_faults_reach_these_paths(sis: Client) -> None:
    rule = [{"path": "/skyward/d/.*NamePhone", "status": 429, "retry_after": 3, "times": 1}]
    try:
        (await sis.http.put("/sandbox/faults", json=rule)).raise_for_status()
        answer = await sis.call("GET", "Demographics/NamePhone/1/5")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
        assert (await sis.call("GET", "Demographics/NamePhone/1/5")).status_code == 200
    finally:
        await sis.http.delete("/sandbox/faults")


async def test_the_same_seed_gives_the_same_district(sis: Client) -> None:
    fields = ("Name.FirstName", "Name.LastName", "StudentNumber", "Grade")
    first = await sis.rows("Student/Student", *fields)
    await sis.make(seed=2)
    assert await sis.rows("Student/Student", *fields) != first
    await sis.make(seed=1, left_every=4)
    assert await sis.rows("Student/Student", *fields[:3]) == [
        {name: value for name, value in one.items() if name != "Grade"} for one in first
    ]
    left = [one for one in await sis.rows("Student/Student", "IsCurrentActive") if not one["IsCurrentActive"]]
    assert len(left) == 5
