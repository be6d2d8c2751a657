"""A draft is looked at however unfinished it is; versions beside each other; the mapping of a SIS proposed."""

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.mapping import transformations
from shared.mapping.drafting import Known, look_at_fields, look_at_files, sound_fields
from shared.mapping.versions import compare
from shared.model.catalog import catalog, export_catalog
from shared.model.draft import TYPES
from shared.model.export_file import ExportDraft
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from tests.examples import examples
from tests.unit.test_any_mapping import COLUMNS, rows, texts

AT = datetime(2026, 9, 1, tzinfo=UTC)
MOMENT = Moment(datetime(2026, 9, 1, tzinfo=UTC).date(), 2026)
KNOWN = Known(catalog("students"), COLUMNS, [["1", "x", "2015-03-09"]], MOMENT, {}, {})
EXPORT = Known(export_catalog("students"), tuple(export_catalog("students").fields), [], MOMENT, {}, {}, "export")

anything = st.recursive(
    texts | st.integers() | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["source", "value", "field", "codes", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
wild = st.builds(
    lambda target, kind, more: {**more, "target": target, "type": kind},
    st.sampled_from([*catalog("students").fields, "nothing", ""]),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(["source", "codes", "name", "options", "blank", "table"]), anything, max_size=4),
)
lenient = settings(
    deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@lenient
@given(st.lists(wild | rows("students"), max_size=5))
def test_no_row_is_too_wrong_to_be_looked_at(made: list[dict[str, Any]]) -> None:
    looked = look_at_fields(made, KNOWN)
    assert all(one.code and one.message for one in looked.problems)
    if not looked.problems:
        sound_fields(made, "default")


@lenient
@given(
    st.lists(st.dictionaries(st.sampled_from(["header", "source", "do_not_map"]), anything, max_size=3), max_size=4),
    texts,
)
def test_no_file_is_too_wrong_to_be_looked_at(columns: list[dict[str, Any]], name: str) -> None:
    looked = look_at_files([{"name": name, "columns": columns}], EXPORT, datetime(2026, 9, 1, tzinfo=UTC))
    assert all(one.code and one.message for one in looked.problems)


def direct(target: str, source: str) -> dict[str, Any]:
    return {"type": "direct", "target": target, "source": source}


def test_versions_differ_by_what_they_say_and_not_by_their_order() -> None:
    one = MappingDraft.model_validate({"fields": [direct("students.fname", "A"), direct("students.lname", "B")]})
    moved = MappingDraft.model_validate({"fields": [direct("students.lname", "B"), direct("students.fname", "A")]})
    assert compare(one, moved) == []
    other = MappingDraft.model_validate({"fields": [direct("students.fname", "C"), direct("students.dob", "D")]})
    changes = {each.place: (each.before is None, each.after is None) for each in compare(one, other)}
    assert changes == {"students.fname": (False, False), "students.dob": (True, False), "students.lname": (False, True)}


def test_files_differ_by_file_and_header() -> None:
    def made(source: str, separator: str) -> ExportDraft:
        columns = [{"header": "ID", "source": source}, {"header": "Last", "source": "students.lname"}]
        return ExportDraft.model_validate({"files": [{"name": "f", "separator": separator, "columns": columns}]})

    assert [one.place for one in compare(made("students.id", "comma"), made("students.ssn", "tab"))] == [
        "f.csv",
        "f.csv: ID",
    ]


JARGON = re.compile(
    r"[Ss]tring|[Tt]uple|[Ii]nput should|Field required|[Ll]ist should|dictionary|instance|boolean|Extra"
)
wild_steps = st.builds(
    lambda name, options: {"type": "transformation", "target": "students.fname", "name": name, "options": options},
    st.sampled_from(transformations.names()),
    st.dictionaries(st.sampled_from(["source", "from", "to", "sources", "find", "if", "form", "limit", "x"]), anything),
)
wild_files = st.fixed_dictionaries(
    {"columns": st.just([{"header": "ID", "source": "students.id"}])},
    optional=dict.fromkeys(("name", "extension", "separator", "header", "encoding", "quote", "x"), anything),
)


@lenient
@given(st.lists(wild | wild_steps, max_size=3), st.lists(wild_files, max_size=2))
def test_whatever_is_wrong_is_said_in_plain_words(rows: list[dict[str, Any]], files: list[dict[str, Any]]) -> None:
    for looked in (look_at_fields(rows, KNOWN), look_at_files(files, EXPORT, AT)):
        for one in looked.problems:
            assert not JARGON.search(one.message), one.message


def test_what_is_missing_of_a_file_is_named() -> None:
    def told(*files: dict[str, Any]) -> list[str]:
        return [one.message for one in look_at_files(files, EXPORT, AT).problems]

    columns = [{"header": "ID", "source": "students.id"}]
    assert told() == ["This export has no file yet."]
    assert told({"name": "", "columns": columns}) == [
        "The settings of this file are not right: File Name: Fill this in."
    ]
    assert told({"name": "a", "separator": "x", "columns": columns}) == [
        "The settings of this file are not right: Field Separator: Use one of 'comma' or 'tab'."
    ]
