from devtools.readme import README, with_table
from devtools.settings_table import NAME, table
from shared.settings import Settings


def test_readme_lists_every_setting_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_table(text, NAME, table()) == text, "run: python -m devtools.settings_table"


def test_every_setting_has_a_row_with_a_description() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    assert not [row for row in rows if row.endswith("| None |")]
