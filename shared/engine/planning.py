"""What a run works by: its compiled mapping, the catalog of its target, the fields that are not updated."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.mapping.compiled import CompiledMapping, compile_mapping
from shared.mapping.registrations import compile_registrations
from shared.model.catalog import Catalog, catalog
from shared.model.codes import NO_SETS, CodeSets
from shared.model.connection import Connection, Instance
from shared.model.run import Run
from shared.store.database import Store

MOST_KEPT = 100
Codes: TypeAlias = Callable[[str, Instance], Awaitable[CodeSets]]
"""Asks the Enroll of an instance for the field codes of an organization."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`fixed` are fields that are written to new records alone."""

    compiled: CompiledMapping
    about: Catalog
    fixed: frozenset[str]


class Planner:
    """Keeps what it has compiled: mappings never change, and the slices of a run ask for the same."""

    def __init__(self, store: Store, codes: Codes) -> None:
        self._store = store
        self._codes = codes
        self._kept: dict[tuple[object, ...], Plan] = {}

    async def plan(self, run: Run, connection: Connection, columns: Sequence[str] = ()) -> Plan:
        """The plan for a source with these columns; for those of what was staged where none are given.

        Raises:
            BadMapping: the mapping does not fit.
        """
        columns = tuple(columns or run.stage["columns"])
        about = connection.export_catalog if run.delivery == "sis" else catalog(run.data_type)
        # A code that is added in Enroll counts for the next run: what was compiled by codes is of this run alone.
        asked = (run.org, run.mapping, columns, run.moment, id(about), run.id if about.is_closed else "")
        plan = self._kept.get(asked)
        if plan is None:
            sets = await self._codes(run.org, connection.instance) if about.is_closed else NO_SETS
            plan = await self._made(run, about, columns, sets)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[asked] = plan
        return plan

    async def _made(self, run: Run, about: Catalog, columns: Sequence[str], sets: CodeSets) -> Plan:
        org = self._store.org(run.org)
        if run.delivery == "sis":
            mapping = await org.sis_mappings.get(run.mapping)
            compiled = compile_registrations(mapping, about, columns, run.moment)
        else:
            mapping = await org.mappings.get(run.mapping)
            compiled = compile_mapping(mapping, about, columns, run.moment, sets)
        fixed = {row.target for row in mapping.fields if not row.updatable}
        fixed |= {name for name, field in about.fields.items() if field.create_only}
        return Plan(compiled, about, frozenset(fixed))
