"""What Test connection says when it works."""

from typing import Any

import pytest

from services.gateway.pages.findings import findings
from shared.model.kind import Kind


@pytest.mark.parametrize(
    ("kind", "found", "said"),
    [
        (Kind.POWERSCHOOL, {"version": "22.11", "schools": 1}, ["PowerSchool version 22.11 answers", "1 school"]),
        (Kind.AERIES, {"version": "", "schools": 2}, ["2 schools"]),
        (Kind.ONEROSTER, {"schools": True, "people": True}, []),
        (Kind.SFTP, {"matching_files": 0}, ["0 files that would be taken"]),
    ],
)
def test_what_was_found(kind: Kind, found: dict[str, Any], said: list[str]) -> None:
    assert findings({"ok": True, **found}, kind) == said
