"""Logs: only known fields, never the text of somebody else's exception."""

import json
import subprocess
import sys
from typing import Any

from shared.model.errors import BadInput
from shared.telemetry.logs import FIELDS, describe, keep_known_fields

PROGRAM = """
import logging, structlog
from shared.model.errors import BadInput
from shared.telemetry.logs import describe, setup

setup("tester")
log = structlog.get_logger()
log.info("done", action="work", rows=3, first_name="Mara", password="hunter2")
log.debug("too low")
library = logging.getLogger("somelib.http")
library.error("born 2015-03-09 %s", "Mara")
library.warning("too low for a library: Mara")
try:
    int("2015-03-09")
except ValueError as error:
    log.error("failed", **describe(error))
    library.exception("Mara again")
try:
    raise BadInput("file.empty", "The file is empty.", "Send another.")
except BadInput:
    library.exception("Mara once more")
"""


def test_unknown_fields_are_dropped() -> None:
    assert keep_known_fields(None, "info", {"event": "x", "run": "r", "first_name": "Mara"}) == {
        "event": "x",
        "run": "r",
    }
    assert not FIELDS & {"password", "token", "secrets", "value", "values", "key", "keys", "name", "body", "exc_info"}


def test_an_exception_is_told_without_its_text() -> None:
    try:
        int("2015-03-09")
    except ValueError as error:
        found = describe(error)
    assert found.keys() == {"error", "frames"}
    assert found["error"] == "ValueError"
    assert found["frames"][-1].startswith("test_logs.py:")
    assert "2015" not in str(found)


def test_our_own_errors_keep_their_code() -> None:
    found = describe(BadInput("file.empty", "The file is empty."))
    assert (found["error"], found["code"], found["reason"]) == ("BadInput", "file.empty", "The file is empty.")


def test_what_a_process_writes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert not done.stderr
    for leaked in ("Mara", "hunter2", "2015"):
        assert leaked not in done.stdout
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["done", "library", "failed", "library", "library"]
    assert all(line["service"] == "tester" and line["timestamp"] and line["level"] for line in lines)
    assert (lines[0]["rows"], lines[0]["action"]) == (3, "work")
    assert (lines[1]["reason"], lines[1]["error"]) == ("somelib.http", "ERROR")
    assert lines[3]["error"] == "ValueError"
    assert (lines[4]["reason"], lines[4]["code"], lines[4]["error"]) == ("somelib.http", "file.empty", "BadInput")
