"""Writes the field tables of docs/data-types.md from the catalogs: `python -m devtools.data_types [--check]`."""

import sys
from pathlib import Path

from shared.model.catalog import Catalog, Field, catalog, data_types, export_catalog

PAGE = Path(__file__).parent.parent / "docs" / "data-types.md"
MARK = "<!-- from the catalogs: make docs -->\n"
TYPES = {"text": "text", "list": "list of texts", "json": "list of texts", "flag": "1 or 0", "email": "email address"}
SHAPES = {"date": "YYYY-MM-DD", "datetime": "YYYY-MM-DD HH:MM:SS", "integer": "whole number"}


def tables() -> str:
    """All data types, a section each, and what an export may carry."""
    return "\n".join([*(_section(catalog(name)) for name in data_types()), _exported(export_catalog("students"))])


def main() -> int:
    words = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    page = f"{words}{MARK}\n{tables()}"
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != page)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def _section(about: Catalog) -> str:
    keys = "; ".join(" and ".join(f"`{name}`" for name in key) for key in about.match_keys)
    rows = "\n".join(_row(field) for field in about.fields.values())
    head = "| field | label | value | needed | example | codes |\n|---|---|---|---|---|---|"
    return f"## {about.label} (`{about.data_type}`)\n\nMatch key, the first that is mapped: {keys}.\n\n{head}\n{rows}\n"


def _exported(about: Catalog) -> str:
    shared = catalog(about.data_type).fields
    own = [field for name, field in about.fields.items() if name not in shared]
    rows = "\n".join(f"| `{field.name}` | {field.label} | {field.example} |" for field in own)
    words = "A column of an export file is made from these, from the fields of Students above, or from what"
    head = "| field | label | example |\n|---|---|---|"
    return f"## Export: {about.label}\n\n{words} transformations make of them.\n\n{head}\n{rows}\n"


def _row(field: Field) -> str:
    shape = TYPES.get(field.type) or SHAPES[field.type]
    shape += f", up to {field.length}" if field.length else ""
    shape += f", at least {field.minimum}" if field.minimum is not None else ""
    needed = "always" if field.required else "to create" if field.create else ""
    needed += "" if field.importable else "written by Enroll alone"
    needed += "refers, is not written" if field.refers and not needed else ""
    return f"| `{field.name}` | {field.label} | {shape} | {needed} | {field.example} | {field.codes} |"


if __name__ == "__main__":
    sys.exit(main())
