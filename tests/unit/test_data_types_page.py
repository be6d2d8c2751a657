"""docs/data-types.md says what the catalogs say."""

from devtools.data_types import MARK, PAGE, tables


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(f"{MARK}\n{tables()}"), "Run: make docs"
