"""The rows of many slices become one file in their order, whatever they are and however they were spread."""

import csv
import io
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engine import blocks
from shared.engine.assembling import HELD_ROWS, Assembly, rows_per_block
from shared.model.export_file import ExportFile
from tests.examples import examples

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def file(*headers: str, **more: object) -> ExportFile:
    columns = [{"header": header, "source": header} for header in headers]
    plain = {"name": "x", "neutralize_formulas": False}
    return ExportFile.model_validate({**plain, "columns": columns, **more})


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(cells, cells, st.integers(0, 4)), max_size=120), st.integers(1, 9))
def test_every_row_stands_once_and_in_order(rows: list[tuple[str, str, int]], per_block: int) -> None:
    slices: list[list[object]] = [[] for _ in range(5)]
    for number, (left, right, where) in enumerate(rows, 2):
        slices[where].append((number, [[left, right], [right]]))
    with Assembly(None) as assembly:
        for part in slices:
            assembly.add(blocks.pack(part, per_block))
        two, one = assembly.write([file("A", "B"), file("B", separator="tab", header=False)])
        content = two.path.read_bytes().decode(), one.path.read_bytes().decode()
        size = two.size, two.path.stat().st_size
    found = list(csv.reader(io.StringIO(content[0], newline="")))
    assert found == [["A", "B"], *([left, right] for left, right, _ in rows)]
    alone = csv.reader(io.StringIO(content[1], newline=""), delimiter="\t")
    assert [row or [""] for row in alone] == [[right] for _, right, _ in rows]
    assert (two.rows, one.rows) == (len(rows), len(rows))
    assert size[0] == size[1]


def test_nothing_stays_behind(tmp_path: Path) -> None:
    with Assembly(tmp_path) as assembly:
        assembly.add(blocks.pack([(2, [["x"]])], 10))
        assembly.write([file("A")])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_however_many_slices_few_rows_are_held() -> None:
    assert rows_per_block(0) == rows_per_block(1) == 1000
    for slices in (1, 20, 150, 2000):
        assert rows_per_block(slices) * slices <= HELD_ROWS
