"""Small district files, and what can be done to them."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.sandbox.district import write_district

Row = dict[str, str]
Edit = Callable[[Row], None]


def roster(path: Path, rows: int = 120, **options: Any) -> Path:
    """A district file of `rows` students (about two slices). Options as `write_district` has them."""
    write_district(path, rows, **options)
    return path


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[Row], *, columns: list[str] | None = None, delimiter: str = ",") -> Path:
    path.write_text(text(rows, columns=columns, delimiter=delimiter), encoding="utf-8", newline="")
    return path


def text(rows: list[Row], *, columns: list[str] | None = None, delimiter: str = ",") -> str:
    content = io.StringIO()
    names = columns if columns is not None else list(rows[0])
    writer = csv.DictWriter(content, names, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue()


def edited(path: Path, changes: dict[int, dict[str, str]], name: str = "edited.csv") -> Path:
    """A copy in which the rows of these spreadsheet numbers (the first student is row 2) hold other values."""
    rows = read(path)
    for number, values in changes.items():
        rows[number - 2].update(values)
    return write(path.with_name(name), rows)
