"""Any mapping of any transformations over any text: a value or a problem, never an exception."""

from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.mapping.compiled import compile_mapping
from shared.mapping.preview import preview_mapping
from shared.model.catalog import catalog, data_types
from shared.model.errors import BadMapping
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from tests.examples import examples
from tests.unit.test_transformations import CASES

MOMENT = Moment(date(2026, 9, 1), 2026)
COLUMNS = ("A", "B", "C")

texts = st.text(max_size=40) | st.sampled_from(
    ["", " ", "1", "2015-03-09", "3/9/15", "José", "\ud800", "[", '["a"]', "Yes"]
)
steps = st.sampled_from([(name, options) for name, cases in CASES.items() for options, _, _ in cases])


def _filled(options: dict[str, Any], sources: list[Any]) -> dict[str, Any]:
    """The options of a case, with other sources in their places."""
    filled = {"source": sources[0], **options}
    for name in ("source", "then", "else"):
        if name in options:
            filled[name] = sources[1]
    if "sources" in options:
        filled = {**options, "sources": sources}
    return filled


@st.composite
def sources(draw: st.DrawFn, depth: int = 2) -> Any:
    if depth and draw(st.booleans()):
        name, options = draw(steps)
        inner = [draw(sources(depth - 1)) for _ in range(2)]
        return {"transformation": name, "options": _taken(name, _filled(options, inner))}
    column: Any = draw(st.sampled_from(COLUMNS))
    return draw(st.sampled_from([column, {"value": "x"}, {"field": "students.fname"}]))


def _taken(name: str, options: dict[str, Any]) -> dict[str, Any]:
    takes_none = name in {"value_input", "today", "enroll_school_year", "if_then_else", "join", "pick"}
    return {key: value for key, value in options.items() if key != "source"} if takes_none else options


@st.composite
def rows(draw: st.DrawFn, data_type: str) -> dict[str, Any]:
    target = draw(st.sampled_from(sorted(catalog(data_type).fields)))
    name, options = draw(steps)
    inner = [draw(sources()) for _ in range(2)]
    kinds: list[dict[str, Any]] = [
        {"type": "direct", "source": inner[0]},
        {"type": "match_codes", "source": inner[0], "codes": {"1": "x"}, "unmatched": "pass"},
        {"type": "transformation", "name": name, "options": _taken(name, _filled(options, inner))},
    ]
    return {**draw(st.sampled_from(kinds)), "target": target, "blank": draw(st.sampled_from(["keep", "clear"]))}


@settings(
    deadline=None, max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.data(), st.sampled_from(data_types()))
def test_it_never_raises(data: st.DataObject, data_type: str) -> None:
    about = catalog(data_type)
    mapped = data.draw(st.lists(rows(data_type), min_size=1, max_size=6, unique_by=lambda row: row["target"]))
    keys = [{"type": "direct", "target": name, "source": "A"} for name in about.match_keys[0]]
    needed = [
        {"type": "direct", "target": name, "source": "B"} for name, field in about.fields.items() if field.required
    ]
    whole = {row["target"]: row for row in [*mapped, *needed, *keys]}
    draft = MappingDraft.model_validate({"fields": list(whole.values())})
    values = data.draw(st.lists(texts, min_size=3, max_size=3))

    preview_mapping(draft, about, COLUMNS, MOMENT, [values])
    try:
        compiled = compile_mapping(draft, about, COLUMNS, MOMENT)
    except BadMapping:
        return
    out, problems = compiled.record(values)
    assert (out is None) == bool(problems)
    assert compiled.key(values) is not None
    assert all(problem.code and problem.message and problem.fix for problem in problems)
    if out is not None:
        assert compiled.digest(out) == compiled.digest(compiled.record(values)[0] or [])
