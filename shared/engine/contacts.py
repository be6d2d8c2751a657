"""Contacts that no SIS takes: known before anything is sent, so that a preview promises no more than what comes."""

from dataclasses import replace

from shared.adapters.contact_match import slots, wanted
from shared.model.contacts import contact_field, contact_name
from shared.model.error_texts import said
from shared.model.label import label_of
from shared.model.record import Change, Problem, Values


def without_nameless(change: Change, values: Values) -> Change:
    """The change without the contacts that have no last name, which are its problems. `values` are those of the row."""
    given = slots(values)
    nameless = [slot for slot, one in wanted(given).items() if not one.last]
    if not nameless:
        return change
    problems = [
        Problem(
            *said("contact.no_last_name", slot=slot),
            contact_name(slot, "LastName"),
            value=label_of((given[slot].get("FirstName"), None)),
        )
        for slot in nameless
    ]

    def kept(names: Values) -> Values:
        return {
            name: value
            for name, value in names.items()
            if (about := contact_field(name)) is None or about.slot not in nameless
        }

    return replace(
        change, values=kept(change.values), before=kept(change.before), problems=[*change.problems, *problems]
    )
