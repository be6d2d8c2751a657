"""Objects of Skyward Qmlativ: listed, searched, read, created and changed. Source: SIS facts, 3.3 to 3.8.

PUT creates, POST updates and searches; without searchFields only the key comes back; a related object's field comes
under a dotted name, or nested.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from shared.adapters.sis_http import SisHttp
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Permanent, Unavailable
from shared.model.kind_settings import SkywardSettings

Row = dict[str, Any]
MAX_LISTED: Final = 200
"""Values of one List condition."""


class Objects:
    """Those that an entity sees: 1 is the district, others are schools."""

    def __init__(self, http: SisHttp, settings: SkywardSettings) -> None:
        self._http = http
        self._base = f"/Generic/{settings.entity_id}"
        self._size = settings.page_size
        self._without = frozenset(settings.without)
        self._year = {"SchoolYearID": settings.school_year_id} if settings.school_year_id else {}

    async def about(self, path: str) -> dict[str, Any]:
        """What the server says about the fields of an object. Raises NotFound, Refused."""
        answer, _ = await self._http.get(f"{self._base}/{path}")
        found = answer if isinstance(answer, dict) else {}
        return {name: one for name, one in found.items() if name not in ("Relationships", "ValidationRules")}

    async def first(self, path: str, fields: Sequence[str]) -> None:
        """Read one, to see whether it may be read. Raises BadSettings, which names the fields that may not."""
        asked = {"searchFields": self._may(path, fields), **self._year}
        try:
            await self._http.get(f"{self._base}/{path}/1/1", asked)
        except Permanent as error:
            raise await self._why(path, fields, error) from None

    async def pages(
        self, path: str, fields: Sequence[str], condition: Mapping[str, Any] | None = None
    ) -> AsyncIterator[list[Row]]:
        """Until a page is empty, or there is no next one, or it repeats. Next has lost the body: it goes along again.

        A server that says nothing of paging is asked page by page.
        """
        if _name(path) in self._without:
            return
        number, seen, link, before = 1, set[str](), "", list[Any]()
        fields_too = {"searchFields": self._may(path, fields), **self._year}
        while True:
            place = link or f"{self._base}/{path}/{number}/{self._size}"
            bare, _, query = place.partition("?")
            if bare in seen:
                return
            seen.add(bare)
            asked = (place, None) if "searchfields" in query.casefold() else (bare, fields_too)
            try:
                if condition is None:
                    answer, _ = await self._http.get(*asked)
                else:
                    answer, _ = await self._http.post(asked[0], dict(condition), asked[1])
            except Permanent as error:
                raise await self._why(path, fields, error) from None
            rows = answer.get("Objects") if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise Unavailable(*said("sis.not_understood", host=self._http.host))
            if not rows or rows == before:
                return
            before = rows
            yield [flat(row) for row in rows if isinstance(row, dict)]
            number += 1
            if isinstance(answer.get("Paging"), dict):
                link = str(answer["Paging"].get("Next") or "")
                if not link:
                    return

    def _may(self, path: str, fields: Sequence[str]) -> list[str]:
        return [one for one in fields if f"{_name(path)}.{one}" not in self._without]

    async def _why(self, path: str, fields: Sequence[str], error: Permanent) -> Permanent:
        """Names the fields that make the call fail, for the answer does not say it in a form that is known."""
        if error.code != "sis.refused":
            return error
        refused = await self._refused(path, self._may(path, fields))
        named = ", ".join(f"{_name(path)}.{one}" for one in refused)
        return BadSettings(*said("skyward.no_field", host=self._http.host, fields=named)) if refused else error

    async def _refused(self, path: str, fields: Sequence[str]) -> list[str]:
        """By halves."""
        try:
            await self._http.get(f"{self._base}/{path}/1/1", {"searchFields": list(fields), **self._year})
        except Permanent as error:
            half = len(fields) // 2
            if error.code != "sis.refused" or not half:
                return list(fields) if error.code == "sis.refused" else []
            return [*await self._refused(path, fields[:half]), *await self._refused(path, fields[half:])]
        return []

    async def find(self, path: str, fields: Sequence[str], **equal: Any) -> list[Row]:
        """Those whose fields have these values; a list means any of them."""
        conditions = [_condition(name, value) for name, value in equal.items()]
        group = {"ConditionGroupType": "And", "Conditions": conditions}
        body = {"SearchCondition": {"SearchConditionGroup": group}}
        return [row async for page in self.pages(path, fields, body) for row in page]

    async def among(self, path: str, fields: Sequence[str], name: str, values: Sequence[Any]) -> list[Row]:
        """Those whose field `name` has one of the values."""
        found: list[Row] = []
        for at in range(0, len(values), MAX_LISTED):
            found += await self.find(path, fields, **{name: list(values[at : at + MAX_LISTED])})
        return found

    async def read(self, path: str, id: str, fields: Sequence[str]) -> Row | None:
        try:
            asked = {"searchFields": self._may(path, fields)}
            answer, _ = await self._http.get(f"{self._base}/{path}/{id}", asked)
        except NotFound:
            return None
        if not isinstance(answer, dict):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return flat(answer)

    async def create(self, path: str, values: Mapping[str, Any]) -> str:
        """The id of the new object. Raises ObjectRefused."""
        key = f"{path.partition('/')[2]}ID"
        row = await self._write("PUT", f"{self._base}/{path}", {key: None}, values)
        if not row.get(key):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return str(row[key])

    async def change(self, path: str, id: str, values: Mapping[str, Any], read: Sequence[str] = ()) -> Row:
        """The object as it is now, of the fields that were changed. Raises ObjectRefused."""
        key = f"{path.partition('/')[2]}ID"
        asked = dict.fromkeys((key, *values, *read))
        return await self._write("POST", f"{self._base}/{path}/{id}", asked, {key: int(id), **values})

    async def _write(self, method: str, path: str, fields: Mapping[str, Any], values: Mapping[str, Any]) -> Row:
        body = {"DataObject": dict(values)}
        status, answer = await self._http.write(method, path, body, {"searchFields": list(fields)})
        if status >= 300:
            raise ObjectRefused(_why(status, answer))
        if not isinstance(answer, dict):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return flat(answer)


def _name(path: str) -> str:
    return path.partition("/")[2]


class ObjectRefused(Exception):
    """The server found a fault with one object; the text is its own, whatever shape it had."""


def flat(row: Mapping[str, Any]) -> Row:
    """Related objects under dotted names, as some servers nest them."""
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            found[name] = value
    return found


def _condition(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"StringSearchCondition": {"FieldName": name, "ConditionType": "List", "List": value}}
    return {"StringSearchCondition": {"FieldName": name, "ConditionType": "Equal", "Value": value}}


def _why(status: int, answer: Any) -> str:
    if isinstance(answer, dict):
        for name in ("error", "errors", "Message", "message"):
            if answer.get(name):
                return str(answer[name])
    return str(answer)[:300] if answer else f"answer {status}"
