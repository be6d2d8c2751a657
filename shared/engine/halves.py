"""Half an address, for which a SIS refuses the whole student: known before anything is sent, and left out."""

from collections.abc import Iterator
from dataclasses import replace

from shared.model.catalog import Catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.record import Change, Problem, Values


def without_halves(change: Change, about: Catalog) -> Change:
    """The change without fields that the target takes all together or not at all, where some of them are blank. These
    are its problems.
    """
    halves = list(_halves(change.values, about)) if about.refuses_parts else []
    if not halves:
        return change
    left_out = {name for parts, _ in halves for name in parts}

    def kept(names: Values) -> Values:
        return {name: value for name, value in names.items() if name not in left_out}

    problems = [*change.problems, *(_problem(change.values, parts, blank, about) for parts, blank in halves)]
    return replace(change, values=kept(change.values), before=kept(change.before), problems=problems)


def _halves(values: Values, about: Catalog) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Which fields go together, and which of them are blank though others are not. Contacts are left out one by one."""
    for _, parts, needed in about.wholes():
        blank = [name for name in needed if values.get(name) is None]
        is_said = any(values.get(name) is not None for name in parts)
        if blank and is_said and contact_field(needed[0]) is None:
            yield parts, blank


def _problem(values: Values, parts: tuple[str, ...], blank: list[str], about: Catalog) -> Problem:
    lacking = "; ".join(about.label_of(name) for name in blank)
    others = "; ".join(about.label_of(name) for name in parts if values.get(name) is not None)
    return Problem(*said("value.part_blank", blank=lacking, others=others), blank[0])
