"""Two people on one mapping: nothing that only one of them did is lost, and where both did something mine stays."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.merging import merge, take_over, take_over_codes
from shared.mapping.versions import compare, rows
from shared.model.codes import Code, CodePair, CodeTableDraft
from shared.model.draft import Draft
from tests.examples import examples

NAMES = ["a", "b", "c", "d"]
SOURCES = ["", "One", "Two"]
things = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(SOURCES)), max_size=4, unique_by=lambda one: one[0])
unfinished = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(SOURCES)), max_size=5)


def field(target: str, source: str, **more: Any) -> dict[str, Any]:
    return {"type": "direct", "target": target, "source": source, **more}


def column(header: str, source: str) -> dict[str, Any]:
    return {"header": header, "source": source}


def file(name: str, *columns: tuple[str, str], **settings: Any) -> dict[str, Any]:
    return {"name": name, **settings, "columns": [column(*one) for one in columns]}


def name(one: tuple[str, str]) -> str:
    return one[0]


fields = things.map(lambda found: [field(*one) for one in found])
columns = (things | unfinished).map(lambda found: [column(header.replace("a", ""), it) for header, it in found])
file_of = st.builds(
    lambda name, columns, settings: {"name": name, **settings, "columns": columns},
    st.sampled_from(["roster", "contacts"]),
    columns,
    st.sampled_from([{}, {"separator": "tab"}, {"header": False}]),
)
files = st.lists(file_of, max_size=2, unique_by=lambda one: str(one["name"]))
drafts = st.builds(Draft, fields=fields) | st.builds(Draft, files=files)


@settings(max_examples=examples(500))
@given(things, things, things)
def test_each_name_is_of_whoever_changed_it(base: Any, mine: Any, theirs: Any) -> None:
    made = merge(base, mine, theirs, name)
    was, here, there, now = dict(base), dict(mine), dict(theirs), dict(made.made)
    for one in NAMES:
        is_mine = here.get(one) != was.get(one)
        assert now.get(one) == (here if is_mine else there).get(one)
        assert (one in made.both) == (is_mine and there.get(one) not in (was.get(one), here.get(one)))
    assert len(now) == len(made.made)


@settings(max_examples=examples(500))
@given(drafts, drafts, drafts)
def test_who_has_changed_nothing_takes_and_loses_nothing(base: Draft, mine: Draft, theirs: Draft) -> None:
    kept, taken = take_over(base, mine, base), take_over(base, base, theirs)
    assert (kept.draft.fields, kept.draft.files, kept.both) == (mine.fields, mine.files, frozenset())
    assert (taken.draft.fields, taken.draft.files, taken.both) == (theirs.fields, theirs.files, frozenset())


@settings(max_examples=examples(500))
@given(drafts, drafts, drafts)
def test_rows_that_only_they_changed_are_taken_and_those_of_both_are_named(
    base: Draft, mine: Draft, theirs: Draft
) -> None:
    made = take_over(base, mine, theirs.model_copy(update={"base": 7}))
    assert made.draft.base == 7
    now, theirs_now = dict(rows(made.draft)), dict(rows(theirs))
    for change in compare(base, theirs):
        if change.place not in made.both and change.place.rpartition(": ")[2].isalpha():
            assert now.get(change.place) == theirs_now.get(change.place)
    assert Draft.model_validate(made.draft.model_dump()) == made.draft


@pytest.mark.parametrize(
    ("mine", "theirs", "made", "both"),
    [
        ([field("x", "A")], [field("x", "B")], [field("x", "A")], {"x"}),
        ([], [field("x", "B"), field("y", "Y")], [field("y", "Y")], {"x"}),
        ([field("x", "1"), field("z", "Z")], [field("y", "Y"), field("x", "1")], "y x z", set()),
        ([field("x", "1", blank="keep")], [field("x", "B")], [field("x", "B")], set()),
    ],
    ids=["both", "removed and changed", "both added", "the same with an option that goes without saying"],
)
def test_rows(mine: Any, theirs: Any, made: Any, both: set[str]) -> None:
    taken = take_over(Draft(fields=[field("x", "1")]), Draft(fields=mine), Draft(fields=theirs))
    if isinstance(made, str):
        assert [one["target"] for one in taken.draft.fields] == made.split()
    else:
        assert taken.draft.fields == made
    assert taken.both == both


def test_files_are_put_together_column_by_column() -> None:
    base = Draft(
        files=[file("roster", ("ID", "a"), ("Name", "b")), file("gone", ("ID", "a")), file("old", ("ID", "a"))]
    )
    mine = Draft(
        files=[
            file("roster", ("Name", "b"), ("ID", "mine"), ("Zip", "z"), separator="tab"),
            file("gone", ("ID", "mine")),
            file("mine", ("ID", "a")),
        ]
    )
    theirs = Draft(files=[file("roster", ("ID", "theirs"), ("Born", "d"), ("Name", "t")), file("old", ("ID", "t"))])

    made = take_over(base, mine, theirs)

    roster = file("roster", ("Name", "t"), ("ID", "mine"), ("Born", "d"), ("Zip", "z"), separator="tab")
    assert made.draft.files == [roster, *mine.files[1:]]
    assert made.both == {"roster.csv: ID", "gone.csv", "gone.csv: ID", "old.csv", "old.csv: ID"}


def test_columns_that_nothing_tells_apart_stay_together() -> None:
    base, mine, theirs = (
        Draft(files=[file("roster", ("", "a"), ("", last), header=False)]) for last in ("b", "mine", "theirs")
    )
    made = take_over(base, mine, theirs)
    assert made.draft.files == mine.files
    assert made.both == {"roster.csv: 1", "roster.csv: 2"}
    assert take_over(base, base, theirs).draft.files == theirs.files


def table(*pairs: str, enroll_set: str = "race", codes: str = "") -> CodeTableDraft:
    return CodeTableDraft(
        enroll_set=enroll_set,
        sis_codes=tuple(Code(code=one, label=label) for one, label in (each.split("=") for each in codes.split())),
        pairs=tuple(CodePair(sis=sis, enroll=enroll) for sis, enroll in (each.split("=") for each in pairs)),
    )


def test_code_tables_are_put_together_code_by_code() -> None:
    base = table("1=W", "2=A", "3=B", codes="1=White 2=Asian")
    mine = table("1=W", "2=I", "4=H", codes="1=White 2=Asian 3=Black")
    theirs = table("1=X", "2=P", "3=B", enroll_set="ethnicity", codes="1=Wh 2=Asian")

    made, both = take_over_codes(base, mine, theirs)

    assert made == table("1=X", "2=I", "4=H", enroll_set="ethnicity", codes="1=Wh 2=Asian 3=Black")
    assert both == {"Pair 2"}
    places = ["Enroll's codes", "SIS code 1", "Pair 1", "Pair 2"]
    assert sorted(one.place for one in compare(base, theirs)) == sorted(places)
    assert take_over_codes(base, mine, base) == (mine, frozenset())
    assert take_over_codes(base, base, theirs) == (theirs, frozenset())
