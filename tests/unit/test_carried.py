"""A draft goes along with a form and comes back as it was; what is none does no harm."""

import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.pages.mapping.carried import LARGEST, LONGEST, carried, given_back
from shared.model.draft import Draft
from tests.examples import examples
from tests.unit.test_merging import drafts


@settings(max_examples=examples(200))
@given(drafts)
def test_it_comes_back_as_it_was(draft: Draft) -> None:
    assert given_back(carried(draft)) == draft


@settings(max_examples=examples(300))
@given(st.text() | st.binary().map(lambda some: urlsafe_b64encode(zlib.compress(some)).decode()))
def test_what_is_no_draft_is_none(text: str) -> None:
    assert given_back(text) is None or text


@pytest.mark.parametrize("content", [b" " * (LARGEST + 1), b"[" * 5000, b'{"fields": [1]}', b'{"base": 1}'[:-1]])
def test_neither_is_what_unpacks_into_too_much_or_into_something_else(content: bytes) -> None:
    assert given_back(urlsafe_b64encode(zlib.compress(content)).decode()) is None


def test_a_draft_that_is_too_large_does_not_go_along() -> None:
    rows = [{"type": "direct", "target": f"{n}", "source": f"{n * 2654435761 % 2**32:x}" * 30} for n in range(1000)]
    assert len(carried(Draft(fields=rows[:50]))) < LONGEST / 4
    codes = {str(n): f"{n * 2654435761 % 2**32:x}" for n in range(60_000)}
    row = {"type": "match_codes", "target": "students.gender", "source": "G", "codes": codes}
    assert carried(Draft(fields=[row])) == ""
