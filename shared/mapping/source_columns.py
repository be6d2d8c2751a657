"""Which columns of a source each field of a mapping is made from."""

from collections.abc import Mapping, Sequence

from shared.mapping.compiled import plan_mapping
from shared.model.catalog import Catalog
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment


def source_columns(
    draft: MappingDraft, about: Catalog, columns: Sequence[str], moment: Moment
) -> Mapping[str, tuple[str, ...]]:
    """Field to the names of its columns in the source, in the order in which they are read; also through other fields.

    A field one of whose columns is not there is left out: it is not written.
    """
    steps, _ = plan_mapping(draft, about, columns, moment)
    return {step.field.name: tuple(column.name for column in step.columns) for step in steps if not step.lost}
