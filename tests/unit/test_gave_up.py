"""Whoever ran out of attempts says so: nothing goes on by itself any more."""

import pytest

from shared.engine.handlers import KILLED, _told
from shared.model.error_texts import every_text, is_for_operators, said
from shared.model.errors import NotFound, SyncError, Throttled, Unavailable

PASSING = [
    Unavailable(*said("enroll.unavailable", why="answered 503")),
    Unavailable(*said("sis.unavailable", host="sis.example", status=503)),
    Unavailable(*said("sftp.unavailable", host="sftp.example")),
    Unavailable(*said("store.unreachable", name="ServerSelectionTimeoutError")),
    Throttled(*said("sis.throttled", host="sis.example")),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda one: one.code)
def test_what_passes_by_itself_is_not_waited_for_any_more(error: SyncError) -> None:
    told = _told(error)
    assert (told["code"], told["text"], is_for_operators(told)) == (error.code, "run.gave_up", True)
    assert told["message"] == f"{error.message} It was tried until no attempt was left, and has stopped."
    assert told["fix"] == every_text()["run.gave_up"].fix
    assert "goes on by itself" not in told["fix"]


def test_what_does_not_pass_says_what_it_always_says() -> None:
    assert _told(KILLED) == KILLED.as_dict()
    assert _told(ValueError("x"))["code"] == "internal"
    assert is_for_operators(_told(KILLED))
    assert is_for_operators(_told(ValueError("x")))
    assert not is_for_operators(_told(NotFound(*said("connection.not_found"))))
    assert not is_for_operators({"code": "http.404", "fix": "x"})
