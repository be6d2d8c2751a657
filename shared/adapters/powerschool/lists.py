"""Schools, fields and codes of a PowerSchool server. Source: SIS facts, 1.3, 1.7 and 1.10."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from shared.adapters.powerschool.json import STUDENT, group, many, text
from shared.adapters.powerschool.server import PowerSchool
from shared.model.catalog import sis_catalog
from shared.model.codes import Code
from shared.model.errors import NotFound, Refused
from shared.model.number import whole_number
from shared.model.sis import SisField, SisLists, SisSchool

DISTRICT: Final = {
    "race": ("district_race_codes", "district_race_code"),
    "federal race": ("federal_race_categories", "federal_race_category"),
    "ethnicity": ("scheduling_reporting_ethnicities", "scheduling_reporting_ethnicity"),
    "entry code": ("entry_codes", "entry_code"),
    "exit code": ("exit_codes", "exit_code"),
    "district of residence": ("districts_of_residence", "district_of_residence"),
}
"""The name of a set to its doubly wrapped list in `/ws/v1/district`."""
_KINDERGARTEN: Final = 0


async def lists(server: PowerSchool, today: date) -> SisLists:
    """`today` decides which codes are in effect."""
    raw = [school async for page in server.schools() for school in page]
    names = {"code": "school_number", "name": "name", "id": "id"}
    schools = [SisSchool(**{ours: text(one.get(theirs)) for ours, theirs in names.items()}) for one in raw]
    codes: dict[str, tuple[Code, ...]] = {"grade": tuple(_grades(raw))}
    missing = []
    try:
        district = await server.district([wrapper for wrapper, _ in DISTRICT.values()])
        for name, (wrapper, item) in DISTRICT.items():
            codes[name] = tuple(_codes(group(district.get(wrapper)).get(item)))
    except (Refused, NotFound):
        missing += list(DISTRICT)
    try:
        codes |= _code_sets([row async for page in server.code_sets() for row in page], today)
    except (Refused, NotFound):
        missing.append("code set")
    fields = [*_standard(), *await _custom(server)]
    return SisLists(schools=tuple(schools), fields=tuple(fields), codes=codes, missing=tuple(missing))


def _standard() -> Iterator[SisField]:
    written = sis_catalog("powerschool").fields
    for name in dict.fromkeys((*STUDENT, *written)):
        field = written.get(name)
        if field is None or not field.refers:
            label = field.label if field else name
            yield SisField(name=name, label=label, read=name in STUDENT, written=field is not None)


async def _custom(server: PowerSchool) -> list[SisField]:
    """Of the tables that the server names, what some of its students have in them."""
    names = await server.custom_fields()
    return [SisField(name=name, label=name, custom=True, written=True) for name in names]


def _grades(schools: list[dict[str, Any]]) -> Iterator[Code]:
    ends = [text(one.get(name)) for one in schools for name in ("low_grade", "high_grade")]
    numbers = [int(one) for one in ends if 0 <= whole_number(one.removeprefix("-")) < 99]
    for grade in range(min(numbers), max(numbers) + 1) if numbers else ():
        yield Code(code=str(grade), label=_grade(grade))


def _grade(grade: int) -> str:
    if grade < _KINDERGARTEN:
        return f"Pre-K {-grade}"
    return "Kindergarten" if grade == _KINDERGARTEN else f"Grade {grade}"


def _codes(items: Any) -> Iterator[Code]:
    for one in map(group, many(items)):
        if code := text(one.get("code")):
            yield Code(code=code, label=text(one.get("description")))


def _code_sets(rows: list[Mapping[str, Any]], today: date) -> dict[str, tuple[Code, ...]]:
    """By their type, in effect today. Where there is no display value the code is shown."""
    found: dict[str, list[Code]] = {}
    for row in rows:
        kind, code, end = (text(row.get(name)) for name in ("codetype", "code", "effectiveenddate"))
        if kind and code and not (end and end[:10] < today.isoformat()):
            label = text(row.get("displayvalue")) or text(row.get("description"))
            found.setdefault(kind.casefold(), []).append(Code(code=code, label=label))
    return {kind: tuple(codes) for kind, codes in found.items()}
