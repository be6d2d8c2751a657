"""The tables of a simulated PowerSchool and its PowerQueries. Source: SIS facts, 1.11 and 1.13."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.sandbox.powerschool_answers import answer, group, not_found, paged
from services.sandbox.powerschool_codes import tables
from services.sandbox.powerschool_district import PowerSchoolServer
from services.sandbox.powerschool_search import fits, in_order, terms, text

Json = dict[str, Any]
ID_MAP = "com.pearson.core.student.student_dcid_id_map"
GUARDIANS = "com.pearson.core.guardian.student_guardian_detail"
OWN = "u_"
"""What the names of a plugin's own tables begin with."""


def queries(_: PowerSchoolServer, __: Request) -> Response:
    return answer({"queries": [{"name": name} for name in QUERIES]})


def query(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    """A PowerQuery; asked with a data version the server counts changes from then on.

    No `record` at all where nothing is found; a page size of 0 is everything.
    """
    name = request.path_params["query"]
    if name not in QUERIES:
        return not_found()
    chosen, shown = QUERIES[name]
    found = chosen(server, body)
    found = found if request.query_params.get("pagesize") == "0" else paged(server, request, found)
    rows = [{column: text(value) for column, value in shown(one).items()} for one in found]
    version = {"$dataversion": str(server.version)} if body.get("$dataversion_applicationname") else {}
    return answer({"name": name, **({"record": rows} if rows else {}), "@extensions": "", **version})


def count_query(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    name = request.path_params["query"]
    return answer({"count": len(QUERIES[name][0](server, body))}) if name in QUERIES else not_found()


def _guarded_students(server: PowerSchoolServer, body: Json) -> list[Json]:
    """Contacts with each of their students, of all guardians or of those in `guardian_id`."""
    asked = body.get("guardian_id")
    wanted = {str(one) for one in (asked if isinstance(asked, list) else [asked])}
    return [
        {"contact": contact, "student": server.by_id[link["dcid"]]}
        for id, contact in server.contacts.by_id.items()
        if asked is None or str(id) in wanted
        for link in contact["contactStudents"]
        if link["dcid"] in server.by_id
    ]


def _guarded_student(one: Json) -> Json:
    contact, student = one["contact"], one["student"]
    names = {"first_name": student["name"].get("first_name"), "last_name": student["name"].get("last_name")}
    about = {"guardian_id": contact["contactId"], "dcid": student["id"], "id": student["id"]}
    guardian = {"guardian_firstname": contact.get("firstName"), "guardian_lastname": contact.get("lastName")}
    return {**about, "student_number": student["local_id"], **names, **guardian}


QUERIES: dict[str, tuple[Callable[[PowerSchoolServer, Json], Sequence[Json]], Callable[[Json], Json]]] = {
    ID_MAP: (lambda server, body: server.students, lambda one: {"dcid": one["id"], "id": one["id"]}),
    GUARDIANS: (_guarded_students, _guarded_student),
}
"""The name of a PowerQuery to what it finds and what it shows of each; columns are ours but for the ids."""


def table(server: PowerSchoolServer, request: Request) -> Response:
    """All values are texts; without a projection it is an error."""
    name = request.path_params["table"].casefold()
    columns, rows = _chosen_rows(server, request)
    if rows is None or columns is None:
        return _no_rows(rows, columns)
    shown = [_table_row(name, row, columns) for row in rows]
    return answer({"name": name, "record": list(paged(server, request, shown)), "@extensions": ""})


def table_row(server: PowerSchoolServer, request: Request) -> Response:
    """By its primary key."""
    name = request.path_params["table"].casefold()
    columns, rows = _chosen_rows(server, request)
    if rows is None or columns is None:
        return _no_rows(rows, columns)
    found = next((row for row in rows if next(iter(row.values())) == request.path_params["id"]), None)
    return _no_rows(None, columns) if found is None else answer(_table_row(name, found, columns))


def count_table(server: PowerSchoolServer, request: Request) -> Response:
    return answer({"count": len(_chosen_rows(server, request)[1] or ())})


def about_table(server: PowerSchoolServer, request: Request) -> Response:
    name = request.path_params["table"].casefold()
    rows = _rows(server, name)
    if rows is None:
        return _no_rows(None, None)
    access = "FullAccess" if name.startswith(OWN) else "ViewOnly"
    columns = [{"name": column.upper(), "access": access} for column in (rows[0] if rows else {})]
    return answer({"name": name.upper(), "columns": columns})


def insert_row(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    return _written(server, request, body, "INSERT")


def update_row(server: PowerSchoolServer, request: Request, body: Json) -> Response:
    return _written(server, request, body, "UPDATE")


def delete_row(server: PowerSchoolServer, request: Request, _: Json) -> Response:
    rows = server.own_tables.get(request.path_params["table"].casefold(), {})
    return Response(status_code=204) if rows.pop(request.path_params["id"], None) else not_found()


def changed(server: PowerSchoolServer, request: Request) -> Response:
    since = int(request.path_params["version"])
    ids = [id for id, version in server.versions.items() if version > since]
    return answer({"$dataversion": str(server.version), "tables": {"students": ids} if ids else {}})


def _chosen_rows(server: PowerSchoolServer, request: Request) -> tuple[list[str] | None, list[Json] | None]:
    """The columns asked for (all of them for `*`, None for none) and the rows that `q` finds, as `sort` has them."""
    rows = _rows(server, request.path_params["table"].casefold())
    if rows is None:
        return None, None
    asked = request.query_params
    for name, sign, sought in terms(asked.get("q", "")):
        rows = [row for row in rows if fits(text(row.get(name)), sign, sought)]
    for name in reversed(asked.get("sort", "").casefold().split(",") if asked.get("sort") else []):
        rows = sorted(rows, key=lambda row: in_order(row.get(name)), reverse=asked.get("sortdescending") == "true")
    columns = [one.strip().casefold() for one in asked.get("projection", "").split(",") if one.strip()]
    return ([*(rows[0] if rows else {})] if columns == ["*"] else columns or None), rows


def _rows(server: PowerSchoolServer, name: str) -> list[Json] | None:
    own = server.own_tables.get(name, {}) if name.startswith(OWN) else None
    return tables(server.students, server.schools).get(name) if own is None else list(own.values())


def _written(server: PowerSchoolServer, request: Request, body: Json, action: str) -> Response:
    """One row of a table of the plugin's own; no other may be written. The answer has no `results` around it."""
    name = request.path_params["table"].casefold()
    if not name.startswith(OWN):
        return answer({"message": f"You do not have access to write {name}."}, 403)
    sent = {given.casefold(): values for given, values in group(body.get("tables")).items()}.get(name)
    if not isinstance(sent, dict):
        return answer({"message": "Validation Failed", "errors": [{"field": "tables", "code": "missing_field"}]}, 400)
    rows = server.own_tables.setdefault(name, {})
    id = request.path_params.get("id", max(rows, default=0) + 1)
    if action == "UPDATE" and id not in rows:
        return not_found()
    values = {column.casefold(): value for column, value in sent.items()}
    rows[id] = {"id": id} | rows.get(id, {}) | values | {"id": id}
    counts = {"insert_count": int(action == "INSERT"), "update_count": int(action == "UPDATE"), "delete_count": 0}
    done = {"id": id, "ref": f"/ws/schema/table/{name}/{id}"}
    return answer({**counts, "result": [{"status": "SUCCESS", "action": action, "success_message": done}]})


def _table_row(name: str, row: Json, columns: Sequence[str]) -> Json:
    shown = {column: text(row.get(column)) for column in columns}
    return {"id": next(iter(row.values())), "name": name, "tables": {name: shown}}


def _no_rows(rows: Any, columns: Any) -> Response:
    if rows is None:
        return not_found()
    errors = [{"resource": "Unknown", "field": "projection", "code": "missing_field"}]
    return answer({"message": "Validation Failed", "errors": errors}, 400)


READ = {
    "/ws/dataversion/{application}/{version}": changed,
    "/ws/schema/query/api": queries,
    "/ws/schema/table/{table}": table,
    "/ws/schema/table/{table}/count": count_table,
    "/ws/schema/table/{table}/metadata": about_table,
    "/ws/schema/table/{table}/{id:int}": table_row,
}
WRITE = {
    ("POST", "/ws/schema/query/{query}"): query,
    ("POST", "/ws/schema/query/{query}/count"): count_query,
    ("POST", "/ws/schema/table/{table}"): insert_row,
    ("PUT", "/ws/schema/table/{table}/{id:int}"): update_row,
    ("DELETE", "/ws/schema/table/{table}/{id:int}"): delete_row,
}
