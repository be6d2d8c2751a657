"""OneRoster CSV sets of an invented district, as 1.1 and 1.2 have them."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence

Rows = Sequence[Mapping[str, str]]

ORGS: Rows = [
    {"sourcedId": "d1", "name": "Mesa Verde Unified", "type": "district", "identifier": "D-1"},
    {"sourcedId": "s1", "name": "Cañon Elementary", "type": "school", "identifier": "100", "parentSourcedId": "d1"},
    {"sourcedId": "s2", "name": "Juniper Middle", "type": "school", "identifier": "200", "parentSourcedId": "d1"},
]
STUDENTS: Rows = [
    {"sourcedId": "u1", "givenName": "Mara", "familyName": "Nguyễn", "identifier": "20231", "grades": "05",
     "orgSourcedIds": "d1,s1", "agentSourcedIds": "g1,g2", "email": "mara@example.org", "password": "hunter2"},
    {"sourcedId": "u2", "givenName": "José", "familyName": "O'Neil", "identifier": "20232", "grades": "KG",
     "orgSourcedIds": "s2", "agentSourcedIds": "g2, g3,g1"},
    {"sourcedId": "u3", "givenName": "Zoë", "familyName": "Lee", "identifier": "20233", "grades": "08",
     "orgSourcedIds": "s2"},
    {"sourcedId": "u4", "givenName": "Old", "familyName": "Row", "status": "tobedeleted", "orgSourcedIds": "s2"},
]  # fmt: skip
GUARDIANS: Rows = [
    {"sourcedId": "g1", "givenName": "Ana", "familyName": "Nguyễn", "email": "ana@example.org", "phone": "4805550147"},
    {"sourcedId": "g2", "givenName": "Li", "familyName": "Nguyễn", "sms": "4805550148"},
    {"sourcedId": "g3", "givenName": "Pat", "familyName": "O'Neil"},
]
TEACHER = {"sourcedId": "t1", "givenName": "Tess", "familyName": "Teacher", "orgSourcedIds": "s1"}
DEMOGRAPHICS: Rows = [
    {"sourcedId": "u1", "birthDate": "2015-03-09", "sex": "female", "white": "true", "asian": "TRUE"},
    {"sourcedId": "u2", "birthDate": "2019-01-02", "sex": "male", "white": "false", "asian": "false"},
    {"sourcedId": "u3", "birthDate": "2011-12-31", "sex": "other"},
]


def written(rows: Rows) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def packed(files: Mapping[str, bytes], folder: str = "") -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return place.getvalue()


def manifest(version: str, mode: str = "bulk") -> bytes:
    names = ("users", "orgs", "demographics", *(["roles"] if version == "1.2" else []))
    told = {"manifest.version": "1.0", "oneroster.version": version, **{f"file.{name}": mode for name in names}}
    return written([{"propertyName": name, "value": value} for name, value in told.items()])


def set_1_1(**replaced: bytes) -> dict[str, bytes]:
    roles = {"role": "student"}
    users = [TEACHER | {"role": "teacher"}, *(roles | dict(one) for one in STUDENTS)]
    users += [{"role": "guardian"} | dict(one) for one in GUARDIANS]
    files = {"manifest": manifest("1.1"), "orgs": written(ORGS), "users": written(users)}
    files["demographics"] = written(DEMOGRAPHICS)
    return {f"{name}.csv": content for name, content in {**files, **replaced}.items() if content}


def set_1_2(**replaced: bytes) -> dict[str, bytes]:
    users = [dict(one) for one in (TEACHER, *STUDENTS, *GUARDIANS)]
    said = [
        ("u1", "secondary", "student", "s2"),
        ("u1", "primary", "student", "s1"),
        ("t1", "primary", "teacher", "s1"),
    ]
    said += [(id, "primary", "student", "s2") for id in ("u2", "u3", "u4")]
    said += [(id, "primary", "parent", "s1") for id in ("g1", "g2", "g3")]
    roles = [dict(zip(("userSourcedId", "roleType", "role", "orgSourcedId"), one, strict=True)) for one in said]
    for user in users:
        user["primaryOrgSourcedId"] = user.pop("orgSourcedIds", "").rpartition(",")[2]
    files = {"manifest": manifest("1.2"), "orgs": written(ORGS), "users": written(users), "roles": written(roles)}
    files["demographics"] = written(DEMOGRAPHICS)
    return {f"{name}.csv": content for name, content in {**files, **replaced}.items() if content}
