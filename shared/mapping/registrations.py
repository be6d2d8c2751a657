"""A mapping of Enroll's approved registrations to the students of a SIS."""

from collections.abc import Sequence
from operator import itemgetter

from shared.mapping.compiled import CompiledMapping, MappingProblem, check_mapping, compile_mapping, plan_mapping
from shared.mapping.export_rows import KEY, STATUS, TOLD, labelling
from shared.mapping.mark import UNKNOWN, Mark
from shared.model.catalog import Catalog, export_catalog
from shared.model.error_texts import said
from shared.model.mapping import Direct, MappingDraft
from shared.model.moment import Moment

STUDENT, SCHOOL = "registrations.student_id", "schools.school_code"
UNTOLD = UNKNOWN
"""The mark of a registration of which Enroll does not show that it was exported: it is looked at in any case."""


def with_references(draft: MappingDraft) -> MappingDraft:
    """The mapping with what says which registration, student and school is meant."""
    implied = tuple(Direct(target=name, source=name) for name in (KEY, STUDENT, SCHOOL))
    return MappingDraft.model_construct(name=draft.name, fields=(*draft.fields, *implied))


def compile_registrations(
    draft: MappingDraft, about: Catalog, columns: Sequence[str], moment: Moment
) -> CompiledMapping:
    """Raises BadMapping."""
    compiled = compile_mapping(with_references(draft), about, columns, moment)
    compiled.mark = _marking_told(compiled.mark, columns)
    compiled.label = labelling(columns)
    return compiled


def check_registrations(draft: MappingDraft, about: Catalog, moment: Moment) -> list[MappingProblem]:
    """Everything wrong with a mapping to be saved. What it reads are fields of the registration."""
    own = [(number, row.target) for number, row in enumerate(draft.fields, 1) if row.target in (KEY, STUDENT, SCHOOL)]
    problems = [MappingProblem(number, target, *said("mapping.target_unknown")) for number, target in own]
    problems = problems or check_mapping(with_references(draft), about)
    if problems:
        return problems
    return plan_mapping(with_references(draft), about, tuple(export_catalog("students").fields), moment)[1]


def _marking_told(mark: Mark, columns: Sequence[str]) -> Mark:
    status = itemgetter(list(columns).index(STATUS))

    def marked(values: list[str]) -> str:
        return mark(values) if status(values) == TOLD else UNTOLD

    return marked
