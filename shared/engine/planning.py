"""What a run works by: its compiled mapping, the catalog of its target, the fields that are not updated."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.mapping.compiled import CompiledMapping, compile_mapping
from shared.mapping.registrations import compile_registrations
from shared.model.catalog import Catalog, catalog
from shared.model.connection import Connection
from shared.model.run import Run
from shared.store.database import Store

MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """`fixed` are fields that are written to new records alone."""

    compiled: CompiledMapping
    about: Catalog
    fixed: frozenset[str]


class Planner:
    """Keeps what it has compiled: mappings never change, and the slices of a run ask for the same."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[object, ...], Plan] = {}

    async def plan(self, run: Run, connection: Connection, columns: Sequence[str] = ()) -> Plan:
        """The plan for a source with these columns; for those of what was staged where none are given.

        Raises:
            BadMapping: the mapping does not fit.
        """
        columns = tuple(columns or run.stage["columns"])
        about = connection.export_catalog if run.delivery == "sis" else catalog(run.data_type)
        asked = (run.org, run.mapping, columns, run.moment, id(about))
        plan = self._kept.get(asked)
        if plan is None:
            plan = await self._made(run, about, columns)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[asked] = plan
        return plan

    async def _made(self, run: Run, about: Catalog, columns: Sequence[str]) -> Plan:
        org = self._store.org(run.org)
        if run.delivery == "sis":
            mapping = await org.sis_mappings.get(run.mapping)
            compiled = compile_registrations(mapping, about, columns, run.moment)
        else:
            mapping = await org.mappings.get(run.mapping)
            compiled = compile_mapping(mapping, about, columns, run.moment)
        fixed = {row.target for row in mapping.fields if not row.updatable}
        fixed |= {name for name, field in about.fields.items() if field.create_only}
        return Plan(compiled, about, frozenset(fixed))
