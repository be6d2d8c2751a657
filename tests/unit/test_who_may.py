"""The table of who may do what, in README and on the Help page, is what is decided."""

from devtools.permissions_table import NAME, table
from devtools.readme import README, with_table
from services.gateway.pages import who_may
from shared.model.catalog import data_types
from shared.model.permission import LIMITED_IMPORTS, Deed, Permission, refusal


def test_readme_says_it_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_table(text, NAME, table()) == text, "run: python -m devtools.permissions_table"


def test_everything_that_one_may_do_has_its_row() -> None:
    asked = {one for row in who_may.rows() for one in row.asks}
    assert {deed for deed, _ in asked} == set(Deed)
    assert {data_type for deed, data_type in asked if deed is Deed.IMPORT} == set(data_types())


def test_whatever_stands_in_one_row_has_one_answer() -> None:
    for row in who_may.rows():
        for held in who_may.COLUMNS.values():
            assert len({who_may.answer(who_may.Row("", (one,)), held) for one in row.asks}) == 1, row.words


def test_limited_access_decides_about_the_imports_that_it_may_run() -> None:
    found = dict(who_may.table())
    assert found["Approve, reject, cancel, retry and undo those imports"] == ["Yes", "Yes"]
    assert found["All of this with imports of Admin Users"] == ["No", "With Edit Administrators"]
    exports = "With View Registrations and Edit Registrations"
    assert found["Run exports, and approve, reject, cancel, retry and undo them"] == ["No", exports]
    for data_type in LIMITED_IMPORTS:
        assert refusal(Deed.DECIDE, data_type, {Permission.LIMITED}) is None
