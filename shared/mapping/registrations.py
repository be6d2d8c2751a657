"""A mapping of Enroll's approved registrations to the students of a SIS."""

from collections.abc import Sequence
from operator import itemgetter

from shared.mapping.compiled import CompiledMapping, MappingProblem, check_mapping, compile_mapping, plan_mapping
from shared.mapping.export_rows import KEY, STATUS, TOLD, labelling
from shared.mapping.mark import UNKNOWN, Mark
from shared.model.catalog import Catalog, Field, export_catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.mapping import Direct, DoNotMap, MappingDraft
from shared.model.moment import Moment

STUDENT, SCHOOL = "registrations.student_id", "schools.school_code"
PART, OTHER_KIND = "mapping.part_unmapped", "mapping.other_kind"
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
    compiled.shown = itemgetter(list(columns).index(STATUS))
    return compiled


def check_registrations(draft: MappingDraft, about: Catalog, moment: Moment) -> list[MappingProblem]:
    """Everything wrong with a mapping to be saved. What it reads are fields of the registration."""
    own = [(number, row.target) for number, row in enumerate(draft.fields, 1) if row.target in (KEY, STUDENT, SCHOOL)]
    problems = [MappingProblem(number, target, *said("mapping.target_unknown")) for number, target in own]
    problems = problems or check_mapping(with_references(draft), about)
    problems = problems or [one for one in parts_unmapped(draft, about) if is_refused(one, about)]
    if problems:
        return problems
    return plan_mapping(with_references(draft), about, tuple(export_catalog("students").fields), moment)[1]


def parts_unmapped(draft: MappingDraft, about: Catalog) -> list[MappingProblem]:
    """Fields that are not mapped, though others are that no SIS takes alone."""
    mapped = {row.target for row in draft.fields if not isinstance(row, DoNotMap)}
    problems = []
    for _, parts, needed in about.wholes():
        others = "; ".join(about.label_of(name) for name in parts if name in mapped)
        for name in needed:
            if others and name not in mapped:
                text = said("mapping.part_unmapped", label=about.label_of(name), others=others)
                problems.append(MappingProblem(0, name, *text))
    return problems


def doubtful(draft: MappingDraft, about: Catalog) -> list[MappingProblem]:
    """What SISs leave out or refuse, though it can be saved as it is, and the parts that are not mapped."""
    known = export_catalog(about.data_type).fields
    problems = parts_unmapped(draft, about)
    for number, row in enumerate(draft.fields, 1):
        target = about.fields.get(row.target)
        source = known.get(row.source) if isinstance(row, Direct) and isinstance(row.source, str) else None
        if target and source and (takes := _takes_alone(target)) and source.type != target.type:
            text = said("mapping.other_kind", label=target.label, takes=takes, source=source.label)
            problems.append(MappingProblem(number, row.target, *text))
    return problems


def _takes_alone(field: Field) -> str:
    """In words, where a field takes two or three texts and no others."""
    return "1 or 0" if field.type == "flag" else " or ".join(field.takes)


def is_refused(problem: MappingProblem, about: Catalog) -> bool:
    """Whether the SIS refuses students for it: a contact is left out by itself, and some SISs take half an address."""
    if problem.code == OTHER_KIND:
        return False
    return problem.code != PART or (about.refuses_parts and contact_field(problem.target) is None)


def _marking_told(mark: Mark, columns: Sequence[str]) -> Mark:
    status = itemgetter(list(columns).index(STATUS))

    def marked(values: list[str]) -> str:
        return mark(values) if status(values) == TOLD else UNTOLD

    return marked
