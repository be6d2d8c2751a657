"""What the page that says what was not done calls the fields of the form, and their values."""

import pytest

from services.gateway.pages.sent_words import called, in_words

SETTINGS, RUN, SCHOOLS = "/connections/{id}/settings", "/connections/{id}/run/{way}", "/connections/{id}/schools"


@pytest.mark.parametrize(
    ("route", "name", "value", "label", "words"),
    [
        (SETTINGS, "roster", "some", "A file holds", "only some of the students"),
        (SETTINGS, "name", "some", "Name", ""),
        (RUN, "which", "all", "Which registrations", "All approved registrations"),
        (SCHOOLS, "which", "all", "Schools assigned", "All schools"),
        (RUN, "preview", "0", "How", "Write at once, within the safety limits"),
        (RUN, "afresh", "1", "Look at those as well who have not changed since they were sent", "Yes"),
        (RUN, "school_year", "2026", "School year", "2026-27"),
        (RUN, "school_year", "²", "School year", ""),
        (RUN, "data_type", "students", "What", "Students"),
        (RUN, "data_type", "made_up", "What", ""),
        ("/connections/{id}/switch", "on", "0", "Switched", "off"),
        ("/connections/{id}/export-rules", "match.1", "state_id", None, "State ID"),
        ("/connections/{id}/delete", "sure", "1", "I want to delete this connection", "Yes"),
        ("/ops/failed", "why_not.at_all", "1", "At all", ""),
    ],
)
def test_fields_and_choices_are_in_the_words_of_their_form(
    route: str, name: str, value: str, label: str | None, words: str
) -> None:
    assert in_words(name, value, route) == words
    assert label is None or called(name, route) == label
