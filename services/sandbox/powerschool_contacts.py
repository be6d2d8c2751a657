"""The contacts of a simulated PowerSchool, read and written part by part. Source: SIS facts, 1.12."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.sandbox.powerschool_answers import answer, not_found, student_of
from services.sandbox.powerschool_district import PowerSchoolServer
from shared.model.number import whole_number

Json = dict[str, Any]
PARTS = {
    "emails": ("emails", "contactEmailId"),
    "phones": ("phones", "contactsPhoneId"),
    "addresses": ("addresses", "contactsAddressId"),
    "students": ("contactStudents", "studentContactId"),
}
"""Parts of an address to the list of a contact and the key of its items."""


def contacts(server: PowerSchoolServer, request: Request) -> Response:
    """A bare list with real types; nothing at all where there are none."""
    student = student_of(server, request)
    if student is None:
        return not_found()
    found = server.contacts.of(student["id"])
    return answer(found) if found else Response(status_code=204)


def contact(server: PowerSchoolServer, request: Request) -> Response:
    id = request.path_params["id"]
    found = server.contacts.by_id.get(whole_number(id))
    return answer(found) if found else not_found()


def several_contacts(server: PowerSchoolServer, request: Request) -> Response:
    ids = [whole_number(one) for one in request.query_params.get("contactids", "").split(",")]
    return answer([server.contacts.by_id[id] for id in ids if id in server.contacts.by_id])


def contact_parts(server: PowerSchoolServer, request: Request) -> Response:
    """Its demographics without the lists, or one of the lists, or one of its items."""
    about = request.path_params
    held, part, child = server.contacts.by_id.get(about["id"]), about["part"], about.get("child")
    if held is None or part not in ("demographics", *PARTS):
        return not_found()
    if part == "demographics":
        return answer({name: value for name, value in held.items() if not isinstance(value, list)})
    name, key = PARTS[part]
    found = [one for one in held[name] if child in (None, one[key])]
    if child is None:
        return answer(found)
    return answer(found[0]) if found else not_found()


def add_contact(server: PowerSchoolServer, _: Request, body: Json) -> Response:
    """A refusal is an answer of 200 too."""
    if not body.get("lastName"):
        return _contact_refused("lastName is required")
    numbers = {one["local_id"]: one["id"] for one in server.students}
    for link in body.get("contactStudents", []):
        link["dcid"] = numbers.get(str(link.get("studentNumber")))
        if link["dcid"] is None:
            return _contact_refused("there is no such student")
        if sum(bool(one.get("active")) for one in link.get("studentDetails", [])) != 1:
            return _contact_refused("exactly one active detail is needed")
    id = server.contacts.add(body)
    done = {"id": id, "ref": f"/ws/contacts/contact/{id}"}
    return answer({"status": "VALID", "action": "INSERT", "_success_message": done})


def change_contact(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    part = request.path_params.get("part", "demographics")
    if part not in ("demographics", "emails", "phones", "addresses"):
        return not_found()
    if part == "demographics" and not body.get("lastName"):
        return _contact_refused("lastName is required")
    id, child = int(request.path_params["id"]), request.path_params.get("child", "")
    done = server.contacts.change(id, part, child, body)
    return answer({"status": "VALID", "action": "UPDATE"} if done else {"message": "not found"}, 200 if done else 404)


def change_detail(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    about = request.path_params
    done = server.contacts.change_detail(int(about["id"]), about["link"], about["child"], body)
    return answer({"status": "VALID", "action": "UPDATE"} if done else {"message": "not found"}, 200 if done else 404)


def drop_part(server: PowerSchoolServer, request: Request, _: Json) -> Response:
    about = request.path_params
    held, (name, key) = server.contacts.by_id.get(about["id"]), PARTS.get(about["part"], ("", ""))
    rest = [one for one in (held or {}).get(name, []) if one[key] != about["child"]]
    if held is None or not name or len(rest) == len(held[name]):
        return not_found()
    held[name] = rest
    return answer({"status": "VALID", "action": "DELETE", "_success_message": {"Id": about["id"]}})


def link_contact(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    """A student of this number becomes one of the contact's."""
    id = int(request.path_params["id"])
    dcid = next((one["id"] for one in server.students if one["local_id"] == str(body.get("studentNumber"))), None)
    if dcid is None:
        return _contact_refused("there is no such student")
    link = server.contacts.link(id, {**body, "dcid": dcid})
    if link is None:
        return answer({"message": "not found"}, 404)
    done = {"id": link["studentContactId"], "ref": f"/ws/contacts/{id}/students/{link['studentContactId']}"}
    return answer({"status": "VALID", "action": "INSERT", "_success_message": done})


def drop_contact(server: PowerSchoolServer, request: Request, _: Json) -> Response:
    done = server.contacts.drop(int(request.path_params["id"]))
    return Response(status_code=204 if done else 404)


def _contact_refused(why: str) -> Response:
    errors = [{"field": "contact", "error_code": "FIELD_VALIDATION_ERROR", "error_description": why}]
    return answer({"status": "ERROR", "action": "INSERT", "error_message": {"error": errors}})


READ = {
    "/ws/contacts/student/{id}": contacts,
    "/ws/contacts/contact/{id}": contact,
    "/ws/contacts/contacts": several_contacts,
    "/ws/contacts/{id:int}/{part:str}": contact_parts,
    "/ws/contacts/{id:int}/{part:str}/{child:int}": contact_parts,
}
WRITE = {
    ("DELETE", "/ws/contacts/{id}"): drop_contact,
    ("POST", "/ws/contacts/contact"): add_contact,
    ("PUT", "/ws/contacts/{id}/demographics"): change_contact,
    ("POST", "/ws/contacts/{id}/students"): link_contact,
    ("POST", "/ws/contacts/{id}/{part:str}"): change_contact,
    ("DELETE", "/ws/contacts/{id:int}/{part:str}/{child:int}"): drop_part,
    ("PUT", "/ws/contacts/{id}/{part:str}/{child}"): change_contact,
    ("PUT", "/ws/contacts/{id}/students/{link}/studentdetails/{child}"): change_detail,
}
