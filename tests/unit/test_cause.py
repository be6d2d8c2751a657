"""Problems are grouped by code and field, with how many there are and the first few rows."""

from hypothesis import given
from hypothesis import strategies as st

from shared.model.cause import FEW_ROWS, Cause, causes_of, merged
from shared.model.error_texts import every_text, said
from shared.model.record import Problem

rows = st.integers(0, 50)
problems = st.builds(Problem, st.sampled_from("ab"), st.text(max_size=2), field=st.sampled_from(["", "f"]))
found = st.lists(st.tuples(rows, st.lists(problems, max_size=3)), max_size=30)


def test_the_most_frequent_come_first_with_the_words_of_their_first_row() -> None:
    bad = Problem(
        "date.not_real", "There is no such day, read as MM/DD/YYYY.", "Correct it.", "students.dob", "DOB", "02/30"
    )
    rare = Problem("code.unmatched", "No partner.", "", "students.gender")
    causes = causes_of([(9, [bad, rare]), *((row, [bad]) for row in range(20, 1, -1)), (0, [bad])])
    assert [(one.code, one.field, one.count, one.rows) for one in causes] == [
        ("date.not_real", "students.dob", 21, (2, 3, 4, 5, 6)),
        ("code.unmatched", "students.gender", 1, (9,)),
    ]
    assert "02/30" not in str(causes), "values are personal data"


@given(found, st.integers(0, 30))
def test_slices_that_are_summed_up_say_the_same_as_all_at_once(
    found: list[tuple[int, list[Problem]]], cut: int
) -> None:
    def shown(causes: list[Cause]) -> list[tuple[object, ...]]:
        return [(one.code, one.field, one.count, one.rows) for one in causes]

    parts = [*causes_of(found[:cut]), *causes_of(found[cut:])]
    assert shown(merged(parts)) == shown(causes_of(found))
    assert [Cause.unpacked(one.packed()) for one in parts] == parts
    assert all(len(one.rows) <= FEW_ROWS for one in parts)


def test_what_is_said_of_a_cause_is_true_of_all_its_rows() -> None:
    def short(count: int) -> Problem:
        return Problem(*said("row.too_few_values", count=count, width=30))

    about = every_text()["row.too_few_values"]
    first, second = causes_of([(2, [short(2)])]), causes_of([(3, [short(6)])])
    (same,) = causes_of([(2, [short(2)]), (9, [short(2)])])
    assert (same.message, same.fix) == (short(2).message, about.fix)
    for parts in ([*first, *second], [*second, *first, *first]):
        (cause,) = merged(parts)
        assert (cause.message, cause.fix, cause.rows) == (about.cause, about.fix, (2, 3))
        assert merged([cause, *first])[0].message == about.cause


def test_where_the_other_side_gives_reasons_of_its_own_each_record_is_looked_at() -> None:
    (cause,) = causes_of([(2, [Problem("their.own", "Too big.", "Cut it.")]), (3, [Problem("their.own", "Odd.", "")])])
    assert (cause.message, cause.fix) == (every_text()["cause.several"].message, every_text()["cause.several"].fix)


def test_a_fix_that_is_filled_in_is_left_out_where_it_differs() -> None:
    code = next(code for code, text in every_text().items() if "{" in text.fix)
    (cause,) = causes_of([(2, [Problem(code, "m", "Use a.")]), (3, [Problem(code, "m", "Use b.")])])
    assert (cause.message, cause.fix) == ("m", "")
