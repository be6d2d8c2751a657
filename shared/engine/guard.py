"""guard: is what the run would do within the connection's safety limits? Pure."""

from collections.abc import Mapping
from typing import Any

from shared.model.connection import SafetyLimits
from shared.model.error_texts import told


def export_objections(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """The same for a file that is written anew each time: how many of its rows are others does not matter."""
    return [
        *_share("gone", counts["missing"], counts["known"], limits.missing_percent, limits.few),
        *_share("invalid", counts["invalid"], counts["rows"], limits.invalid_percent, limits.few),
    ]


def sis_objections(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """The same for a SIS: how many of its students the first exports change says nothing."""
    known = counts["known"]
    changed = _share("changed", counts["update"], known, limits.changed_percent, limits.few) if known else []
    return changed + _share("invalid", counts["invalid"], counts["rows"], limits.invalid_percent, limits.few)


def objections(
    counts: Mapping[str, int], limits: SafetyLimits, stage: Mapping[str, Any], *, full_roster: bool
) -> list[dict[str, Any]]:
    """Why a person should look first; empty where nothing stands against applying. Each has code, message, fix."""
    found = [told("guard.cut_short")] if "file.cut_short" in stage.get("warnings", ()) else []
    found += [
        told("guard.column_gone", column=column, target=target) for column, target in stage.get("lost_columns", ())
    ]
    known, rows = counts["known"], counts["rows"]
    if full_roster:
        found += _share("missing", counts["missing"], known, limits.missing_percent, limits.few)
    found += _share("changed", counts["update"], known or rows, limits.changed_percent, limits.few)
    found += _share("invalid", counts["invalid"], rows, limits.invalid_percent, limits.few)
    return found + ([told("guard.access_lost", count=counts["losing"])] if counts["losing"] else [])


def _share(kind: str, count: int, total: int, limit: float, few: int) -> list[dict[str, Any]]:
    percent = 100 * count / total if total else 0.0
    if count <= few or percent <= limit:
        return []
    return [told(f"guard.too_many_{kind}", count=count, total=total, percent=percent, limit=limit)]
