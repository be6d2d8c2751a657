"""What the mapping screen asks a SIS: its schools, fields and codes; and the plugin for PowerSchool."""

from typing import Any
from xml.etree import ElementTree

from devtools.district import EXPORTER, District
from devtools.sis_districts import POWERSCHOOL, SISS
from devtools.stack import Stack

SPACE = "{http://plugin.powerschool.pearson.com}"


async def asked(stack: Stack, unique: str, kind: str, **spec: Any) -> dict[str, Any]:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        sis = SISS[kind](district)
        await sis.make(students=12, **spec)
        connection = await sis.connect()
        answer = await district.api.get(f"/connections/{connection}/sis")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def codes(found: dict[str, Any], name: str) -> dict[str, str]:
    return {one["code"]: one["label"] for one in found["codes"][name]}


async def test_powerschool_tells_its_schools_fields_and_codes(stack: Stack, unique: str) -> None:
    found = await asked(stack, unique, "powerschool", exit_codes=["W1"])
    assert {"code": "100", "name": "School 100", "id": "1"} in found["schools"]
    assert codes(found, "race")["W"] == "White"
    assert codes(found, "exit code") == {"W1": "Exit W1"}  # one stands alone, not in a list
    assert codes(found, "relationship") == {"Mother": "Mother", "Father": "Father", "Guardian": ""}  # one has passed
    assert codes(found, "grade")["0"] == "Kindergarten"
    custom = {one["name"] for one in found["fields"] if one["custom"]}
    assert custom == {"u_enroll_ext.homeroom", "u_enroll_ext.bus"}
    assert found["missing"] == []


async def test_what_the_plugin_may_not_read_is_named_and_the_rest_is_there(stack: Stack, unique: str) -> None:
    found = await asked(stack, unique, "powerschool", forbidden=["/ws/schema/"])
    assert found["missing"] == ["code set"]
    assert codes(found, "race")


async def test_aeries_tells_its_schools_fields_and_codes(stack: Stack, unique: str) -> None:
    found = await asked(stack, unique, "aeries")
    assert found["schools"][0]["code"] == "100"
    assert codes(found, "race") == {"700": "White", "600": "Black"}  # padded codes, one not in use any more
    assert codes(found, "relationship") == {"11": "Mother", "12": "Father"}  # under "contact": CON is a device name
    assert codes(found, "grade")["0"] == "Kindergarten"
    written = {one["name"] for one in found["fields"] if one["written"]}
    assert {"BirthDate", "Race1Code"} <= written


async def test_the_plugin_asks_for_what_the_mappings_use(stack: Stack, unique: str) -> None:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        await sis.make(students=3)
        extra = {"type": "direct", "target": "u_enroll_ext.bus", "source": "students.gender"}
        connection = await sis.connect(
            mapping=[*POWERSCHOOL, extra], about={"extension_fields": ["u_enroll_ext.bus", "u_enroll_ext.homeroom"]}
        )
        read = {
            "students.student_district_id": "local_id",
            "students.fname": "name.first_name",
            "students.lname": "name.last_name",
            "students.dob": "demographics.birth_date",
            "students.gender": "demographics.gender",
        }
        fields = [{"type": "direct", "target": target, "source": source} for target, source in read.items()]
        await district.map_students(connection, {"fields": fields})
        answer = await district.api.get(f"/connections/{connection}/ps_plugin.xml")
    assert answer.status_code == 200, answer.text
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
    assert (root.tag, root.get("name")) == (f"{SPACE}plugin", "SchoolMint Sync Service")
    assert [child.tag.removeprefix(SPACE) for child in root] == ["oauth", "access_request", "publisher"]
    rows = {(one.get("table"), one.get("field")): one.get("access") for one in root.iter(f"{SPACE}field")}
    assert rows["STUDENTS", "First_Name"] == "FullAccess"
    assert rows["STUDENTS", "Gender"] == "ViewOnly"
    assert (rows["U_ENROLL_EXT", "bus"], rows["U_ENROLL_EXT", "homeroom"]) == ("FullAccess", "ViewOnly")
    assert rows["STUDENTCONTACTASSOC", "PersonID"] == "FullAccess"
    assert rows["CODESET", "Code"] == "ViewOnly"
    assert ("STUDENTS", "Mailing_Street") not in rows
