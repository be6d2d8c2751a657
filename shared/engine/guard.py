"""guard: is what the run would do within the connection's safety limits? Pure."""

from collections.abc import Mapping
from typing import Any

from shared.model.connection import SafetyLimits


def objections(
    counts: Mapping[str, int], limits: SafetyLimits, stage: Mapping[str, Any], *, full_roster: bool
) -> list[dict[str, Any]]:
    """Why a person should look first; empty where nothing stands against applying. Each has code, message, fix."""
    found = [_cut_short()] if "file.cut_short" in stage.get("warnings", ()) else []
    found += [_lost(column, target) for column, target in stage.get("lost_columns", ())]
    known, rows = counts["known"], counts["rows"]
    if full_roster:
        found += _share("missing", counts["missing"], known, limits.missing_percent, limits.few)
    found += _share("changed", counts["update"], known or rows, limits.changed_percent, limits.few)
    found += _share("invalid", counts["invalid"], rows, limits.invalid_percent, limits.few)
    return found + (_losing(counts["losing"]) if counts["losing"] else [])


_SHARES = {
    "missing": (
        "{count} of {total} known records are not in the file ({percent:.1f} %; the limit is {limit:g} %).",
        "Check that the file is complete. Approve if these records really are to be gone.",
    ),
    "changed": (
        "{count} of {total} records would change ({percent:.1f} %; the limit is {limit:g} %).",
        "Look at some of the changes. Approve if they are meant.",
    ),
    "invalid": (
        "{count} of {total} rows cannot be used ({percent:.1f} %; the limit is {limit:g} %).",
        "Look at the failed records. Mend the file or the mapping, or approve to import the others.",
    ),
}


def _share(kind: str, count: int, total: int, limit: float, few: int) -> list[dict[str, Any]]:
    percent = 100 * count / total if total else 0.0
    if count <= few or percent <= limit:
        return []
    message, fix = _SHARES[kind]
    text = message.format(count=count, total=total, percent=percent, limit=limit)
    return [{"code": f"guard.too_many_{kind}", "message": text, "fix": fix}]


def _losing(count: int) -> list[dict[str, Any]]:
    return [
        {
            "code": "guard.access_lost",
            "message": f"{count} of the people in the file would lose access to programs that they have now.",
            "fix": "Look at their changes. Programs that are not in the file are taken away; approve if that is meant.",
        }
    ]


def _cut_short() -> dict[str, Any]:
    return {
        "code": "guard.cut_short",
        "message": "The file ends in the middle of a row: it seems to be cut short.",
        "fix": "Send the whole file again. Approve only if you know that the rest is not needed.",
    }


def _lost(column: str, target: str) -> dict[str, Any]:
    return {
        "code": "guard.column_gone",
        "message": f"The mapping takes {target} from the column {column!r}, which the file does not have.",
        "fix": "Mend the file or the mapping. Approve to leave this field as it is.",
    }
