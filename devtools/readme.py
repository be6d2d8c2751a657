"""Tables of the README that are taken from the code, each between its marks."""

from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def with_table(text: str, name: str, table: str) -> str:
    """The text with this table between `<!-- name: ... -->` and `<!-- /name -->`."""
    start, end = f"<!-- {name}:", f"<!-- /{name} -->"
    before, rest = text.split(start, 1)
    note = rest.split("\n", 1)[0]
    after = rest.split(end, 1)[1]
    return f"{before}{start}{note}\n{table}\n{end}{after}"


def write(name: str, table: str) -> None:
    README.write_text(with_table(README.read_text(encoding="utf-8"), name, table), encoding="utf-8")
