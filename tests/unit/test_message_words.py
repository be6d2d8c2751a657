"""What failed messages are called for operators: every type, reason and state of ours has words."""

import re
from pathlib import Path
from typing import get_args

import pytest

from services.gateway.failed import State
from services.gateway.pages.message_words import (
    REASONS,
    STATES,
    TYPES,
    UNNAMED,
    UNTOLD,
    error_words,
    reason_words,
    type_words,
)
from shared.contracts import messages
from shared.contracts.messages import Message
from shared.engine.handlers import BROKER_REASONS
from shared.model.error_texts import every_text

WORKER = Path(__file__).parents[2] / "shared" / "messaging" / "worker.py"


def test_everything_has_words() -> None:
    kinds = [one for one in vars(messages).values() if isinstance(one, type) and issubclass(one, Message)]
    assert set(TYPES) == {vars(one)["TYPE"] for one in kinds if "TYPE" in vars(one)}
    ours = set(re.findall(r"bury\(message, \"([^\"]+)\"", WORKER.read_text("utf-8")))
    assert len(ours) == 3
    assert set(REASONS) == ours | BROKER_REASONS | {"unknown"}
    assert set(get_args(State)) < set(STATES)


@pytest.mark.parametrize(
    ("type", "said"),
    [
        ("sync.slice.apply.v1", "Send a part of a run"),
        ("sync.slice.apply.v99", "Send a part of a run, in a version that is not known here"),
        ("x", "No type of message that is known here"),
        ("", UNNAMED),
    ],
)
def test_the_words_of_a_type(type: str, said: str) -> None:
    assert type_words(type) == said


def test_a_reason_that_is_not_known_is_told_as_it_was_noted() -> None:
    assert (reason_words("delivery_limit"), reason_words("strange")) == (REASONS["delivery_limit"], "strange")


@pytest.mark.parametrize(
    ("code", "detail", "error", "said"),
    [
        ("enroll.unreachable", "Enroll did not answer.", "Unavailable", "Enroll did not answer."),
        ("guard.too_many_left", "", "X", every_text()["guard.too_many_left"].cause),
        ("run.not_found", "", "X", every_text()["run.not_found"].message),
        ("", "", "ValueError", "An error that nobody foresaw"),
        ("", "", "", ""),
    ],
)
def test_the_words_of_an_error(code: str, detail: str, error: str, said: str) -> None:
    assert error_words({"code": code, "detail": detail, "error": error, "reason": "out of attempts"}) == said


def test_what_could_not_be_read_has_another_form_than_was_expected() -> None:
    letter = {"code": "", "detail": "", "error": "ValidationError", "reason": "undecodable"}
    assert error_words(letter) == UNTOLD["undecodable"]
