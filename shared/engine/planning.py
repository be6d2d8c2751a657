"""What a run works by: its compiled mapping, the catalog of its target, the fields that are not updated."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.engine.context import Engine
from shared.mapping.compiled import CompiledMapping, compile_mapping
from shared.mapping.registrations import compile_registrations
from shared.model.catalog import Catalog, catalog
from shared.model.connection import Connection
from shared.model.run import Run


@dataclass(frozen=True, slots=True)
class Plan:
    """`fixed` are fields that are written to new records alone."""

    compiled: CompiledMapping
    about: Catalog
    fixed: frozenset[str]


async def plan_of(engine: Engine, run: Run, connection: Connection, columns: Sequence[str] = ()) -> Plan:
    """The plan for a source with these columns; for those of what was staged where none are given.

    Raises:
        BadMapping: the mapping does not fit.
    """
    org, columns = engine.org(run), columns or run.stage["columns"]
    if run.delivery == "sis":
        about = connection.export_catalog
        mapping = await org.sis_mappings.get(run.mapping)
        compiled = compile_registrations(mapping, about, columns, run.moment)
    else:
        about = catalog(run.data_type)
        mapping = await org.mappings.get(run.mapping)
        compiled = compile_mapping(mapping, about, columns, run.moment)
    fixed = {row.target for row in mapping.fields if not row.updatable}
    fixed |= {name for name, field in about.fields.items() if field.create_only}
    return Plan(compiled, about, frozenset(fixed))
