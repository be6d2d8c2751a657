"""Where the rows of a mapping read from: columns of the file, other fields, fixed values, transformations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from shared.mapping.transformations.match_codes import match_codes
from shared.mapping.transformations.registry import Reader, parse
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.mapping import (
    Direct,
    DoNotMap,
    FieldMapping,
    FieldSource,
    MatchCodes,
    Source,
    ValueSource,
)
from shared.model.moment import Moment

MAX_DEPTH = 20
MAX_STEPS = 1000


@dataclass(slots=True, frozen=True)
class Column:
    name: str
    index: int


class Columns:
    """Finds columns by name: exactly, else but for case and white space."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = _places(names, lambda name: name)
        self._loose = _places(names, loosely)
        self._contacts = any(contact_field(name) for name in names)

    def may_lack(self, name: str) -> bool:
        """Whether it is a contact's field, and blank where nobody in the source has so many contacts."""
        return self._contacts and contact_field(name) is not None

    def find(self, name: str) -> Column | None:
        """Raises `BadMapping` where the name fits several columns."""
        found = self._exact.get(name) or self._loose.get(loosely(name), [])
        if len(found) > 1:
            raise BadMapping(*said("mapping.column_ambiguous", count=len(found), name=name))
        return found[0] if found else None


class RowInputs:
    """What one row of a mapping reads, remembered: the columns it used, those it lost, whether it asked for the day.

    Without `columns` every column is there. `called` says what a field is called.
    """

    def __init__(
        self,
        columns: Columns | None,
        rows: Mapping[str, FieldMapping],
        moment: Moment,
        called: Callable[[str], str] = str,
    ) -> None:
        self._columns = columns
        self._rows = rows
        self._moment = moment
        self._called = called
        self._path: list[str] = []
        self._depth = 0
        self._steps = 0
        self.used: list[Column] = []
        self.lost: list[str] = []
        self.asked_moment = False

    def row(self, row: FieldMapping) -> Reader:
        """The text that a row of the mapping makes.

        Raises:
            BadMapping: it cannot be read: no such column, field or transformation, or it leads back to itself.
        """
        if row.target in self._path:
            raise BadMapping(
                *said("mapping.circle", target=self._called(row.target), what=", ".join(map(self._called, self._path)))
            )
        self._count()
        self._path.append(row.target)
        try:
            if isinstance(row, Direct):
                return self.read(row.source)
            if isinstance(row, MatchCodes):
                return match_codes(row, self)
            if isinstance(row, DoNotMap):
                raise BadMapping(*said("mapping.field_unmapped", name=self._called(row.target)))
            return parse(row.name, row.options).compile(self)
        finally:
            self._path.pop()

    def read(self, source: Source) -> Reader:
        if isinstance(source, str):
            return self._column(source)
        if isinstance(source, ValueSource):
            value = source.value
            return lambda _: value
        if isinstance(source, FieldSource):
            return self._field(source.field)
        self._count()
        self._depth += 1
        try:
            return parse(source.transformation, source.options).compile(self)
        finally:
            self._depth -= 1

    def moment(self) -> Moment:
        self.asked_moment = True
        return self._moment

    def _count(self) -> None:
        """Fields that read fields may fan out without end, though no circle is in them."""
        self._steps += 1
        if self._depth >= MAX_DEPTH or len(self._path) >= MAX_DEPTH or self._steps > MAX_STEPS:
            raise BadMapping(*said("mapping.too_deep", max_depth=MAX_DEPTH, max_steps=MAX_STEPS))

    def _field(self, name: str) -> Reader:
        row = self._rows.get(name)
        if row is None:
            raise BadMapping(*said("mapping.field_unmapped", name=self._called(name)))
        return self.row(row)

    def _column(self, name: str) -> Reader:
        if not name.strip():
            raise BadMapping(*said("mapping.source_blank"))
        column = self._columns.find(name) if self._columns else Column(name, 0)
        if column is None:
            if self._columns is not None and not self._columns.may_lack(name):
                self.lost.append(name)
            return lambda _: ""
        self.used.append(column)
        return itemgetter(column.index)


def loosely(name: str) -> str:
    return " ".join(name.split()).casefold()


def _places(names: Sequence[str], fold: Callable[[str], str]) -> Mapping[str, list[Column]]:
    places: dict[str, list[Column]] = {}
    for index, name in enumerate(names):
        places.setdefault(fold(name), []).append(Column(name, index))
    return places
