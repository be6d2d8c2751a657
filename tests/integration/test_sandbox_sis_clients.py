"""The simulated SISs as other people's clients use them: addresses and answers our own adapters have no need of."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.sandbox.main import create_app
from services.sandbox.oauth1 import signature
from services.sandbox.powerschool_search import fits, terms
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from shared.security.trust import trusted

ID_MAP = "com.pearson.core.student.student_dcid_id_map"
GUARDIANS = "com.pearson.core.guardian.student_guardian_detail"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_app(World("token")), bind("127.0.0.1", 0)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=trusted()) as client,
    ):
        for kind in ("powerschool", "aeries"):
            (
                await client.put(f"/sandbox/{kind}/d", json={"students": 12, "page_max": 5} if kind[0] == "p" else {})
            ).raise_for_status()
        yield client


@pytest.fixture
async def powerschool(http: httpx.AsyncClient) -> httpx.AsyncClient:
    """Logged in as most clients do: with a slash behind the address."""
    form = {"grant_type": "client_credentials"}
    answer = await http.post("/powerschool/d/oauth/access_token/", data=form, auth=("client", "secret"))
    token = answer.raise_for_status().json()
    assert isinstance(token["expires_in"], str)
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    return http


async def told(http: httpx.AsyncClient, method: str, path: str, **how: Any) -> Any:
    answer = await http.request(method, path, **how)
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json() if answer.content else None


async def test_a_powerquery_is_counted_paged_and_empty_without_a_record(powerschool: httpx.AsyncClient) -> None:
    base = f"/powerschool/d/ws/schema/query/{ID_MAP}"
    assert await told(powerschool, "POST", f"{base}/count", json={}) == {"count": 12}
    pages = [await told(powerschool, "POST", base, params={"page": page, "pagesize": 5}) for page in (1, 2, 3, 4)]
    assert [len(page.get("record", [])) for page in pages] == [5, 5, 2, 0]
    assert "record" not in pages[-1]
    assert len((await told(powerschool, "POST", base, params={"pagesize": 0}))["record"]) == 12
    assert (await powerschool.post("/powerschool/d/ws/schema/query/no.such", json={})).status_code == 404


async def test_a_powerquery_finds_the_students_of_a_guardian(powerschool: httpx.AsyncClient) -> None:
    base = f"/powerschool/d/ws/schema/query/{GUARDIANS}"
    (one, *_) = await told(powerschool, "GET", "/powerschool/d/ws/contacts/student/4000")
    found = await told(powerschool, "POST", base, json={"guardian_id": [one["contactId"]]})
    assert [row["id"] for row in found["record"]] == ["4000"]
    assert await told(powerschool, "POST", f"{base}/count", json={"guardian_id": one["contactId"]}) == {"count": 1}
    assert "record" not in await told(powerschool, "POST", base, json={"guardian_id": [1]})
    assert len((await told(powerschool, "POST", base, params={"pagesize": 0}))["record"]) > 12


async def test_one_subscription_to_events_takes_the_place_of_another(powerschool: httpx.AsyncClient) -> None:
    place = "/powerschool/d/ws/v1/event_subscription"
    body = {"key": "k", "callback_url": "https://a.example", "event_subscription": [{"resource": "/ws/v1/student/*"}]}
    other = {**body, "key": "l"}
    answers = [await powerschool.put(place, json=one) for one in (body, {"event_subscriptions": other})]
    assert [one.status_code for one in answers] == [201, 204]
    assert await told(powerschool, "GET", place) == {"event_subscriptions": other}
    assert [(await powerschool.delete(place)).status_code for _ in range(2)] == [204, 404]


async def test_rows_of_a_table_of_ones_own_are_written(powerschool: httpx.AsyncClient) -> None:
    base = "/powerschool/d/ws/schema/table/U_LUNCH"
    body = {"name": "U_LUNCH", "tables": {"u_lunch": {"STUDENTSDCID": 4000, "amount": "2.50"}}}
    made = await told(powerschool, "POST", base, json=body)
    assert (made["insert_count"], made["result"][0]["status"]) == (1, "SUCCESS")
    row = f"{base}/{made['result'][0]['success_message']['id']}"
    await told(powerschool, "PUT", row, json={"tables": {"u_lunch": {"amount": "3"}}})
    assert await told(powerschool, "GET", f"{base}/count") == {"count": 1}
    one = await told(powerschool, "GET", row, params={"projection": "studentsdcid,amount"})
    assert one["tables"]["u_lunch"] == {"studentsdcid": "4000", "amount": "3"}
    assert [(await powerschool.delete(row)).status_code for _ in range(2)] == [204, 404]
    refused = await powerschool.post("/powerschool/d/ws/schema/table/students", json=body)
    assert refused.status_code == 403


@pytest.mark.parametrize(("what", "wrapper"), [("staff", "staffs"), ("course", "courses"), ("section", "sections")])
async def test_what_a_school_has_besides_students_is_an_empty_list(
    powerschool: httpx.AsyncClient, what: str, wrapper: str
) -> None:
    base = f"/powerschool/d/ws/v1/school/1/{what}"
    assert what not in (await told(powerschool, "GET", base))[wrapper]
    assert await told(powerschool, "GET", f"{base}/count") == {"resource": {"count": 0}}
    assert (await powerschool.get(f"/powerschool/d/ws/v1/school/99/{what}")).status_code == 404


@pytest.mark.parametrize(
    ("held", "asked", "is_found"),
    [
        ("10", "=gt=9", True),
        ("-1", "=lt=0", True),
        ("2015-03-09", "=ge=03/09/2015", True),
        ("2015-03-09", "==3/9/2015", False),
        ("2026-08-10", "=lt=01/31/2027", True),
        ("", "=lt=5", False),
        ("0", "==0.0", True),
        ("Torres", "==To*", True),
        ("T[o]", "==T[o]", True),
        ("b", "=gt=a", True),
    ],
)
def test_a_search_compares_numbers_and_dates_as_what_they_are(held: str, asked: str, is_found: bool) -> None:
    ((_, sign, sought),) = terms(f"name{asked}")
    assert fits(held, sign, sought) is is_found


async def test_a_schema_table_has_texts_only_and_needs_a_projection(powerschool: httpx.AsyncClient) -> None:
    base = "/powerschool/d/ws/schema/table/students"
    assert await told(powerschool, "GET", f"{base}/count") == {"count": 12}
    found = await told(powerschool, "GET", base, params={"projection": "dcid,last_name"})
    assert {type(value) for row in found["record"] for value in row["tables"]["students"].values()} == {str}
    assert (await powerschool.get(base)).status_code == 400
    assert (await powerschool.get("/powerschool/d/ws/v1/time")).is_success


async def test_what_a_plugin_may_do_is_told_to_its_token_alone_and_the_time_to_anybody(
    powerschool: httpx.AsyncClient,
) -> None:
    about = (await told(powerschool, "GET", "/powerschool/d/ws/v1/metadata"))["metadata"]
    assert about["schema_table_query_max_page_size"] == about["staff_max_page_size"] == 5
    powerschool.headers.pop("Authorization")
    assert "plugin_id" not in (await told(powerschool, "GET", "/powerschool/d/ws/v1/metadata"))["metadata"]
    await told(powerschool, "GET", "/powerschool/d/ws/v1/time")


async def test_a_schema_table_is_described_searched_and_read_row_by_row(powerschool: httpx.AsyncClient) -> None:
    base = "/powerschool/d/ws/schema/table/students"
    about = await told(powerschool, "GET", f"{base}/metadata", params={"expansions": "access"})
    columns = [one["name"].lower() for one in about["columns"] if one["access"] != "NoAccess"]
    assert {"dcid", "last_name"} <= set(columns)
    every = {"projection": ",".join(columns), "pagesize": 100}
    rows = [one["tables"]["students"] for one in (await told(powerschool, "GET", base, params=every))["record"]]
    q = f"last_name=={rows[0]['last_name']};dcid=ge=0"
    found = (await told(powerschool, "GET", base, params={**every, "q": q, "sort": "dcid"}))["record"]
    assert {one["tables"]["students"]["last_name"] for one in found} == {rows[0]["last_name"]}
    one = await told(powerschool, "GET", f"{base}/{rows[0]['dcid']}", params={"projection": "*"})
    assert (one["name"], one["tables"]["students"]) == ("students", rows[0])
    assert (await powerschool.get(f"{base}/1", params={"projection": "*"})).status_code == 404
    assert (await told(powerschool, "GET", "/powerschool/d/ws/schema/query/api"))["queries"]


async def test_a_student_alone_looks_as_in_the_list(powerschool: httpx.AsyncClient) -> None:
    asked = {"expansions": "demographics,alerts,school_enrollment"}
    one = (await told(powerschool, "GET", "/powerschool/d/ws/v1/student/4000", params=asked))["student"]
    listed = await told(powerschool, "GET", "/powerschool/d/ws/v1/district/student", params=asked)
    assert one.items() >= listed["students"]["student"][0].items()
    assert (type(one["local_id"]), one["alerts"]) == (int, "")
    q = {"q": "school_enrollment.enroll_status_code==0"}
    counted = await told(powerschool, "GET", "/powerschool/d/ws/v1/district/student/count", params=q)
    assert counted == {"resource": {"count": 12}}


async def test_students_without_what_is_needed_are_an_error_of_theirs(powerschool: httpx.AsyncClient) -> None:
    place = "/powerschool/d/ws/v1/student"
    assert (await powerschool.post(place, json={})).status_code == 400
    for record in ({"action": "INSERT"}, {"name": {"first_name": "Ivo"}}):
        answer = await told(powerschool, "POST", place, json={"students": {"student": record}})
        assert answer["results"]["result"]["status"] == "ERROR"
    assert (await powerschool.get("/powerschool/d/ws/v1/district/student", params={"page": "x"})).is_success


async def test_contacts_by_their_ids(powerschool: httpx.AsyncClient) -> None:
    (first, *_) = await told(powerschool, "GET", "/powerschool/d/ws/contacts/student/4000")
    one = await told(powerschool, "GET", f"/powerschool/d/ws/contacts/contact/{first['contactId']}")
    several = await told(
        powerschool, "GET", "/powerschool/d/ws/contacts/contacts", params={"contactids": one["contactId"]}
    )
    assert several == [one]
    await told(powerschool, "DELETE", f"/powerschool/d/ws/contacts/{one['contactId']}")
    assert (await powerschool.get(f"/powerschool/d/ws/contacts/contact/{one['contactId']}")).status_code == 404


async def test_the_parts_of_a_contact_are_read_dropped_and_linked(powerschool: httpx.AsyncClient) -> None:
    base = "/powerschool/d/ws/contacts"
    (one, *_) = await told(powerschool, "GET", f"{base}/student/4000")
    place = f"{base}/{one['contactId']}"
    about = await told(powerschool, "GET", f"{place}/demographics")
    assert about["lastName"] == one["lastName"]
    assert "phones" not in about
    phones = await told(powerschool, "GET", f"{place}/phones")
    assert phones == one["phones"]
    assert await told(powerschool, "GET", f"{place}/phones/{phones[0]['contactsPhoneId']}") == phones[0]
    await told(powerschool, "DELETE", f"{place}/phones/{phones[0]['contactsPhoneId']}")
    assert await told(powerschool, "GET", f"{place}/phones") == phones[1:]
    number = (await told(powerschool, "GET", "/powerschool/d/ws/v1/student/4001"))["student"]["local_id"]
    link = {"studentNumber": number, "sequence": 3, "studentDetails": [{"relationship": "Aunt", "active": True}]}
    assert (await told(powerschool, "POST", f"{place}/students", json=link))["status"] == "VALID"
    assert one["contactId"] in {one["contactId"] for one in await told(powerschool, "GET", f"{base}/student/4001")}
    assert [one["dcid"] for one in await told(powerschool, "GET", f"{place}/students")] == [4000, 4001]
    assert (await powerschool.get(f"{base}/1/phones")).status_code == 404
    assert (await powerschool.get(f"{base}/student/x")).status_code == 404


async def test_aeries_answers_students_in_every_way(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    base = "/aeries/d/api/v5"
    held = (await http.get("/sandbox/aeries/d")).json()
    one = held["students"][1]
    school, id = one["SchoolCode"], one["StudentID"]
    by_id = await told(http, "GET", f"{base}/schools/{school}/students/{id}")
    by_number = await told(http, "GET", f"{base}/schools/{school}/students/sn/{one['StudentNumber']}")
    by_grade = await told(http, "GET", f"{base}/schools/{school}/students/grade/{one['Grade']}")
    assert [row["StudentID"] for row in by_id] == [row["StudentID"] for row in by_number] == [id]
    assert id in {row["StudentID"] for row in by_grade}
    assert (await told(http, "GET", f"{base}/schools/{school}/students/0/extended"))[0].keys() >= {"BirthCity"}
    (extra, *_) = await told(http, "GET", f"{base}/schools/{school}/DistrictSupplemental/{id}")
    assert extra["Columns"][0]["Value"] == " "
    assert (await told(http, "GET", f"{base}/enrollment/{id}"))[0]["LeaveDate"] is None
    (contact, *_) = await told(http, "GET", f"{base}/schools/0/contacts/{id}")
    rest = await told(http, "DELETE", f"{base}/DeleteContact/{id}/{contact['SequenceNumber']}")
    assert contact not in rest


@pytest.mark.parametrize(
    "path",
    [
        *("api/v5/schools/", "api/v5/Schools", "API/V5/schools", "api/v2/schools", "api/schools", "/api/v5//schools"),
        "api/v5/schools/{school}/Students/?startingrecord=1&endingrecord=1",
        "api/v5/schools/{school}/Contacts/",
    ],
)
async def test_aeries_takes_paths_as_a_windows_server_does(http: httpx.AsyncClient, path: str) -> None:
    http.headers["AERIES-CERT"] = "secret"
    school = (await http.get("/sandbox/aeries/d")).json()["students"][1]["SchoolCode"]
    found = await told(http, "GET", f"/aeries/d/{path.format(school=school)}")
    assert found[0]["SchoolCode"]
    assert "startingrecord" not in path or len(found) == 1


@pytest.mark.parametrize("path", ["/ws/v1/district/school", "/ws/v1/district/school/", "//ws/v1/district/school"])
async def test_powerschool_takes_a_slash_too_many(powerschool: httpx.AsyncClient, path: str) -> None:
    assert "schools" in await told(powerschool, "GET", f"/powerschool/d{path}")


async def test_skyward_creates_with_a_slash_behind_the_object(http: httpx.AsyncClient) -> None:
    (await http.put("/sandbox/skyward/d", json={})).raise_for_status()
    login = await http.post(
        "/skyward/d/oauth/token", data={"grant_type": "client_credentials"}, auth=("client", "secret")
    )
    http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    body = {"DataObject": {"FirstName": "Ivo", "LastName": "Marsh"}}
    made = await told(
        http, "PUT", "/skyward/d/Generic/1/Demographics/Name/", json=body, params={"searchFields": "NameID"}
    )
    assert made["NameID"]


async def test_aeries_answers_whole_objects(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    base = "/aeries/d/api/v5"
    (school, *_) = await told(http, "GET", f"{base}/schools")
    assert school.keys() >= {"ShortName", "NCESSchoolID", "Tracks", "PrincipalEmailAddress", "AddressZipExt", "Terms"}
    (term, *_) = await told(http, "GET", f"{base}/schools/{school['SchoolCode']}/terms")
    assert term.keys() >= {"FirstHalfEndDate", "SecondHalfStartDate", "TrackTerms"}
    one = (await http.get("/sandbox/aeries/d")).json()["students"][0]
    assert one.keys() >= {"StudentEmailAddress", "ResidenceAddressCity", "RaceCode5", "UserCode13", "NextGrade"}
    for field in ("Ethnicity", "EthnicityCode", "Grade", "HomeLanguageCode"):
        assert await told(http, "GET", f"{base}/codes/Student/{field}")
    place = f"{base}/schools/{one['SchoolCode']}"
    assert len(await told(http, "GET", f"{place}/enrollment/{one['StudentID']}/year/2026")) == 1
    assert await told(http, "GET", f"{place}/enrollment/{one['StudentID']}/year/2019") == []
    assert await told(http, "GET", f"{place}/students/sn/{one['StudentNumber']}/extended")
    assert (await http.post(f"{base}/UpdateStudent/{one['StudentID']}", json=[1])).status_code == 400


async def test_aeries_keeps_the_supplemental_data_of_a_school(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    base = "/aeries/d/api/v5"
    one = (await http.get("/sandbox/aeries/d")).json()["students"][0]
    body = {"Columns": [{"ColumnCode": "BU", "NewValue": "Elm"}, {"ColumnCode": "XX", "NewValue": "1"}]}
    place = f"{one['SchoolCode']}/{one['StudentNumber']}"
    made = await told(http, "POST", f"{base}/UpdateSchoolSupplemental/{place}", json=body)
    assert [column["Value"] for column in made["Columns"]] == ["Elm"]
    ways = [
        (await told(http, "GET", f"{base}/schools/{one['SchoolCode']}/{kind}Supplemental/{one['StudentID']}"))[0]
        for kind in ("School", "District")
    ]
    assert [way["Columns"][0]["Value"] for way in ways] == ["Elm", " "]
    assert (await http.post(f"{base}/UpdateSchoolSupplemental/990/9999", json=body)).status_code == 404


async def test_aeries_pre_enrolls_by_a_get_and_once(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    one = (await http.get("/sandbox/aeries/d")).json()["students"][2]
    command = f"/aeries/d/api/v5/commands/preenrollstudent/{one['StudentID']}"
    done = await told(http, "GET", command)
    assert (done["LogDetails"][0]["Copied"], done["Students"][0]["Grade"]) == ("Yes", one["Grade"] + 1)
    again = await http.get(command)
    assert (again.status_code, "already" in again.json()["Message"]) == (500, True)
    active = f"/aeries/d/api/v5/commands/PreEnrollInactiveStudent/{one['StudentID']}/{one['SchoolCode']}"
    assert (await http.get(active)).status_code == 500


@pytest.mark.parametrize(("version", "key"), [("v5", "StudentID"), ("V3", "PermanentID"), ("v1", "PermanentID")])
async def test_aeries_said_permanent_id_before_its_fifth_version(
    http: httpx.AsyncClient, version: str, key: str
) -> None:
    http.headers["AERIES-CERT"] = "secret"
    one = (await http.get("/sandbox/aeries/d")).json()["students"][1]
    base = f"/aeries/d/api/{version}"
    (found,) = await told(http, "GET", f"{base}/schools/{one['SchoolCode']}/students/{one['StudentID']}")
    assert {"StudentID", "PermanentID"} & found.keys() == {key}
    assert found[key] == one["StudentID"]
    assert await told(http, "GET", f"{base}/staff") == []
    assert (await told(http, "GET", f"{base}/systeminfo"))["DatabaseYear"]


async def test_aeries_keeps_all_that_a_contact_may_have(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    student = (await http.get("/sandbox/aeries/d")).json()["students"][0]["StudentID"]
    given = {
        "LastName": "Roe",
        "NamePrefix": "Dr",
        "AddressZip": "85201",
        "AddressZipExt": "0009",
        "WorkPhoneExt": "12",
    }
    flags = {"AccessToPortal": "N", "PrimaryContact": "Y", "LivesWithStudentIndicator": "Y"}
    more = {"RelationshiptoStudentCode": "11"}
    made = await told(http, "POST", f"/aeries/d/api/v5/InsertContact/{student}", json={**given, **flags, **more})
    assert (made["NamePrefix"], made["AddressZipCode"], made["AddressZipExt"]) == ("Dr", "85201", "0009")
    assert (made["AccessToPortal"], made["PrimaryContact"]) == (False, True)
    assert made["RelationshipToStudentCode"].strip() == "11"


@pytest.mark.parametrize(
    ("path", "fields", "condition"),
    [
        ("District/SchoolYear", "Description NumericYear NextNumericYear", "IsCurrentYearForProvidedEntity"),
        ("Student/Student", "GraduationDate MaskedStudentNumber", "HasStudentEntityYearForCurrentSchoolYear"),
        ("Demographics/Name", "Age FullNameFL Initials NameKey SkywardID FirstNameLegal", "IsCurrentStudent"),
        ("Demographics/NameEmail", "EmailAddress Note", "Rank"),
        ("Enrollment/EntryWithdrawal", "WithdrawalDate IsDefaultEntity", "IsDefaultEntity"),
        ("Demographics/EmailType", "Code CodeDescription", ""),
    ],
)
async def test_skyward_has_the_fields_that_clients_ask_for(
    http: httpx.AsyncClient, path: str, fields: str, condition: str
) -> None:
    (await http.put("/sandbox/skyward/d", json={})).raise_for_status()
    login = await http.get("/skyward/d/oauth/token?grant_type=client_credentials", auth=("client", "secret"))
    http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    asked = {f"searchFields[{at}]": name for at, name in enumerate(fields.split())}
    body: dict[str, Any] = {"FieldName": condition, "ConditionType": "Equal", "Value": 1}
    how = {"json": {"SearchCondition": {"LongSearchCondition": body}}} if condition else {}
    method = "POST" if condition else "GET"
    found = await told(http, method, f"/skyward/d/Generic/1/{path}/1/500", params=asked, **how)
    assert found["Objects"]
    assert found["Objects"][0].keys() >= set(fields.split())


@pytest.mark.parametrize("place", ["token", "oauth/token", "ims/oneroster/v1p1/token", "ims/oneroster/v1p1/Token"])
async def test_oneroster_gives_its_token_in_many_places_and_what_nobody_has_is_an_empty_list(
    http: httpx.AsyncClient, place: str
) -> None:
    (await http.put("/sandbox/oneroster/d", json={"students": 40})).raise_for_status()
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
    token = await told(http, "POST", f"/oneroster/d/{place}", data=form)
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    base = "/oneroster/d/ims/oneroster/v1p1"
    for path in ("gradingPeriods", "schools/s1/gradingPeriods", "students/g1-1/classes", "schools/district/teachers"):
        (found,) = (await told(http, "GET", f"{base}/{path}")).values()
        assert found == [], path
    assert (await http.get(f"{base}/planets")).status_code == 404
    assert (await http.get(f"{base}/classes/x")).status_code == 404
    people = (await told(http, "GET", f"{base}/demographics"))["demographics"]
    assert {one.get("sex") for one in people} <= {"male", "female", None}


@pytest.mark.parametrize("place", ["ims/oneroster/v1p1", "ims/oneroster/rostering/v1p2"])
async def test_oneroster_is_walked_from_a_teacher_to_the_students(http: httpx.AsyncClient, place: str) -> None:
    (await http.put("/sandbox/oneroster/d", json={"students": 40})).raise_for_status()
    login = await http.post("/oneroster/d/token", data={"grant_type": "client_credentials"}, auth=("client", "secret"))
    http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    async def ids(path: str) -> list[str]:
        (found,) = (await told(http, "GET", f"/oneroster/d/{place}/{path}")).values()
        return [one["sourcedId"] for one in found]

    (teacher,) = await ids("teachers")
    (one,) = await ids(f"teachers/{teacher}/classes")
    about = (await told(http, "GET", f"/oneroster/d/{place}/classes/{one}"))["class"]
    school, term = about["school"]["sourcedId"], about["terms"][0]["sourcedId"]
    students = await ids(f"classes/{one}/students")
    assert students
    assert set(students) <= set(await ids(f"schools/{school}/students"))
    assert await ids(f"schools/{school}/classes/{one}/students") == students
    assert await ids(f"students/{students[0]}/classes") == await ids(f"terms/{term}/classes") == [one]
    assert await ids(f"courses/{about['course']['sourcedId']}/classes") == await ids(f"schools/{school}/classes")
    assert len(await ids(f"schools/{school}/classes/{one}/enrollments")) == len(students) + 1
    assert await ids(f"schools/{school}/terms") == await ids("terms") == [term]


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("oneroster", "/ims/oneroster/v1p1/users?limit=3&filter=status%3D'active'"),
        ("skyward", "/Generic/1/Student/Student/1/5?searchFields=StudentID&searchFields=Name.FirstName"),
    ],
)
async def test_a_call_may_be_signed_in_place_of_a_token(
    http: httpx.AsyncClient, kind: str, path: str, method: str
) -> None:
    (await http.put(f"/sandbox/{kind}/d", json={})).raise_for_status()
    url = http.base_url.join(f"/{kind}/d{path}")
    own = {"oauth_consumer_key": "client", "oauth_signature_method": method, "oauth_nonce": "n", "oauth_timestamp": "1"}
    for secret, status in (("secret", 200), ("wrong", 401)):
        signed = signature("GET", str(url), [*own.items(), *url.params.multi_items()], secret)
        parts = ", ".join(
            f'{name}="{quote(one, safe="~")}"' for name, one in {**own, "oauth_signature": signed}.items()
        )
        answer = await http.get(url, headers={"Authorization": f'OAuth realm="", {parts}'})
        assert answer.status_code == status, answer.text
