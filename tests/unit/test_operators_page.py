"""docs/operators.md says what the code can say: every reason, metric and command, and nothing that there is not."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from services.gateway.pages.message_words import ADVICE, REASONS
from services.ops.main import app
from shared.telemetry import metrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text("utf-8")
COMMANDS = re.findall(r"^    sync-service ops (.*)$", PAGE + (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)


def test_every_reason_is_told_as_the_pages_tell_it() -> None:
    assert set(ADVICE) == set(REASONS)
    for reason, words in REASONS.items():
        assert f"| `{reason}` | {words} | {ADVICE[reason].meanwhile} | {ADVICE[reason].do} |" in PAGE
    assert len(re.findall(r"^\| `[a-z_ ]+` \| [A-Z]", PAGE, re.MULTILINE)) == len(REASONS)


def test_every_metric_is_named_with_its_labels_as_it_is_printed() -> None:
    ours = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    labels = {next(iter(one.describe())).name: ", ".join(one._labelnames) for one in ours}
    told = dict(re.findall(r"^\| `(sync_\w+)` \| ([\w, ]*?) ?\|", PAGE, re.MULTILINE))
    assert {name.removesuffix("_total"): names for name, names in told.items()} == labels
    printed = set(re.findall(r"^# TYPE (sync_\w+)", generate_latest().decode(), re.MULTILINE))
    assert set(told) <= printed


def _found(words: list[str]) -> Any:
    """The command, or the group of commands, that these words lead to."""
    found: Any = typer.main.get_command(app)
    for word in words:
        if (inner := getattr(found, "commands", None)) is None:
            break
        found = inner[word]
    return found


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_with_its_options(line: str) -> None:
    words = shlex.split(line, comments=True)
    command = _found(words)
    known = {name for one in command.params for name in one.opts}
    assert {one for one in words if one.startswith("--")} <= known


def test_no_command_is_left_out() -> None:
    alone = [name for name in _found([]).commands if name != "failed"]
    for name in (*alone, *(f"failed {one}" for one in _found(["failed"]).commands)):
        assert f"sync-service ops {name}" in PAGE
