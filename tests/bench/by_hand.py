"""A student mapping of 30 fields, 6 of them transformed: compiled, and the same work written by hand."""

import re
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from itertools import islice
from typing import Any

from services.sandbox.district import district_header, district_rows, student_mapping
from shared.mapping.compiled import KEEP, CompiledMapping, compile_mapping
from shared.model.catalog import catalog
from shared.model.codes import Code, CodeSets
from shared.model.mapping import Direct, MappingDraft
from shared.model.moment import Moment

MOMENT = Moment(date(2026, 9, 1), 2026)
ROWS = 20_000
TRANSFORMED: dict[str, tuple[str, dict[str, str]]] = {
    "students.lname": ("squish", {}),
    "students.fname": ("proper_case", {}),
    "student_annual.guardian1_email": ("lower", {}),
    "student_annual.city": ("trim", {}),
}
Record = Callable[[list[str]], list[Any]]


def mapping() -> MappingDraft:
    """Date and Phone Number come with the district's own mapping; two of its fields have Match Codes."""
    draft = student_mapping()
    rows = []
    for row in draft["fields"]:
        if row["target"] in TRANSFORMED:
            name, options = TRANSFORMED[row["target"]]
            options = {"source": row["source"], **options}
            row = {"type": "transformation", "target": row["target"], "name": name, "options": options}
        rows.append(row)
    return MappingDraft.model_validate({"fields": rows})


def compiled() -> CompiledMapping:
    return compile_mapping(mapping(), catalog("students"), district_header(), MOMENT, codes())


@cache
def codes() -> CodeSets:
    """Of an Enroll that has every code of these rows."""
    anything = compile_mapping(mapping(), catalog("students"), district_header(), MOMENT)
    fields = catalog("students").fields
    found: dict[str, set[str]] = {fields[name].codes: set() for name in anything.fields if fields[name].codes}
    for row in district_rows(ROWS):
        for name, value in zip(anything.fields, anything.record(row)[0] or (), strict=True):
            if (kind := fields[name].codes) and value is not KEEP:
                found[kind].update(map(str, value if isinstance(value, list) else [value]))
    return {name: [Code(code=one) for one in sorted(known)] for name, known in found.items()}


class Bad(Exception):
    """A value that the field does not take."""


_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_PHONE = re.compile(r"[^0-9]")
_WORD = re.compile(r"\S+")
_GRADES = {"PK": -1, "KG": 0, **{f"{grade:02d}": grade for grade in range(1, 13)}}
_GENDERS = {"Male": "M", "Female": "F", "X": "X"}


def _text(value: str, limit: int, known: set[str] | None = None) -> Any:
    if not value or value.isspace():
        return KEEP
    if len(value) > limit or (known is not None and value not in known):
        raise Bad
    return value


def _listed(value: str, known: set[str]) -> Any:
    found = _text(value, 50, known)
    return KEEP if found is KEEP else [found]


def by_hand(columns: list[str]) -> Record:
    """As a good engineer would write it for this one file: every check that the catalog asks for, and nothing else."""
    at = {name: place for place, name in enumerate(columns)}
    limits = {name: field.length or 10**9 for name, field in catalog("students").fields.items()}
    direct = [row for row in mapping().fields if isinstance(row, Direct) and isinstance(row.source, str)]
    apart = {"students.student_district_id", "students.race"}
    known = {name: {one.code for one in held} for name, held in codes().items()}
    sets = {name: known.get(field.codes) for name, field in catalog("students").fields.items()}
    rows = [row for row in direct if row.target not in apart]
    texts = [(at[str(row.source)], limits[row.target], sets[row.target]) for row in rows]
    races = known["race"]
    (id_at, first, last, born) = (at["Student ID"], at["First Name"], at["Last Name"], at["Birth Date"])
    (gender, grade, phone, race) = (at["Gender"], at["Grade"], at["Phone"], at["Race"])
    (email, city) = (at["Guardian 1 Email"], at["City"])

    def name(word: re.Match[str]) -> str:
        found = word[0]
        return found if not found.isupper() and not found.islower() else found.title()

    def record(row: list[str]) -> list[Any]:
        key = row[id_at].strip()
        fname = _WORD.sub(name, row[first])
        lname = " ".join(row[last].split())
        found = _DATE.fullmatch(row[born].strip())
        if not key or not fname or not lname or found is None or len(key) > 50 or len(fname) > 100 or len(lname) > 100:
            raise Bad
        try:
            dob = date(int(found[3]), int(found[1]), int(found[2])).isoformat()
        except ValueError:
            raise Bad from None
        digits = _PHONE.sub("", row[phone])
        if len(digits) != 10:
            raise Bad
        sex = row[gender].strip()
        level = row[grade].strip()
        if (sex and sex not in _GENDERS) or (level and level not in _GRADES):
            raise Bad
        out: list[Any] = [_text(row[place], limit, known) for place, limit, known in texts]
        out += [key, fname, lname, dob, _GENDERS[sex] if sex else KEEP, _GRADES[level] if level else KEEP]
        out += [f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", _listed(row[race], races), 2026]
        out += [_text(row[email].lower(), 255), _text(row[city].strip(), 50)]
        return out

    return record


def rates(rounds: int = 5, rows: int = ROWS) -> tuple[float, float]:
    """Rows a second by hand and compiled, the best of each in turns."""
    given = list(islice(district_rows(rows), rows))
    hand, machine = by_hand(list(district_header())), compiled().record
    best = {"hand": 0.0, "compiled": 0.0}
    for _ in range(rounds):
        for which, work in (("hand", hand), ("compiled", machine)):
            started = time.perf_counter()
            for row in given:
                work(row)
            best[which] = max(best[which], rows / (time.perf_counter() - started))
    return best["hand"], best["compiled"]
