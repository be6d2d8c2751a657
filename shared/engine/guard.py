"""guard: is what the run would do within the connection's safety limits? Pure."""

from collections.abc import Mapping
from typing import Any

from shared.model.catalog import Catalog, catalog
from shared.model.connection import SafetyLimits
from shared.model.error_texts import told
from shared.model.run import Run


def reasons_to_ask(run: Run, counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """Why a person should look first at what the run would do, by its kind."""
    if run.undoes:
        return undo_objections(counts, limits)
    if run.makes_files:
        return export_objections(counts, limits)
    if run.delivery == "sis":
        return sis_objections(counts, limits)
    # Of a few changed students a column that nobody fills is absent; of everybody it would be a sign.
    stage = {**run.stage, "lost_columns": []} if run.source.changes else run.stage
    where = "the SIS" if run.source.kind == "api" else "the file"
    return objections(counts, limits, stage, catalog(run.data_type), full_roster=run.roster == "full", where=where)


def undo_objections(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """The same for a run that is taken back: records may go, and much may have changed since."""
    known, rows = counts["known"], counts["rows"]
    found = _share("removed", counts["remove"], known or rows, limits.missing_percent, limits.few)
    found += _share("changed", counts["update"] + counts["create"], known or rows, limits.changed_percent, limits.few)
    found += _share("left", counts["invalid"], rows, limits.invalid_percent, limits.few)
    return found + _losing(counts)


def _losing(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [told("guard.access_lost", count=counts["losing"])] if counts["losing"] else []


def export_objections(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """The same for a file that is written anew each time: how many of its rows are others does not matter."""
    return [
        *_share("gone", counts["missing"], counts["known"], limits.missing_percent, limits.few),
        *_unfit(counts, limits),
    ]


def _unfit(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    found = _share("unfit", counts["invalid"], counts["rows"], limits.invalid_percent, limits.few)
    return none_fit() if found and counts["invalid"] == counts["rows"] else found


def none_fit() -> list[dict[str, Any]]:
    return [told("guard.none_fit")]


def only_told(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """What approving an export would do that sends nothing, and only tells Enroll how registrations stand."""
    if counts["invalid"] == counts["rows"]:
        return none_fit()
    count, failed = counts["tell"], counts["tell_failed"]
    stand = "1 registration stands" if count == 1 else f"{count} registrations stand"
    return [told("guard.only_told", stand=f"{stand}, {_as_failed(count, failed)}" if failed else stand)]


def _as_failed(count: int, failed: int) -> str:
    return "as Failed" if count == failed else f"{failed} of them as Failed"


def sis_objections(counts: Mapping[str, int], limits: SafetyLimits) -> list[dict[str, Any]]:
    """The same for a SIS: how many of its students the first exports change says nothing."""
    known = counts["known"]
    changed = _share("changed", counts["update"], known, limits.changed_percent, limits.few) if known else []
    return changed + _unfit(counts, limits)


def objections(
    counts: Mapping[str, int],
    limits: SafetyLimits,
    stage: Mapping[str, Any],
    about: Catalog,
    *,
    full_roster: bool,
    where: str = "the file",
) -> list[dict[str, Any]]:
    """Why a person should look first; empty where nothing stands against applying. Each has code, message, fix.

    `where` is what the records were read from, in words.
    """
    found = [told("guard.cut_short")] if "file.cut_short" in stage.get("warnings", ()) else []
    found += [
        told("guard.column_gone", column=column, label=about.label_of(target), where=where)
        for column, target in stage.get("lost_columns", ())
    ]
    known, rows = counts["known"], counts["rows"]
    if full_roster and counts["missing"] and 0 < rows == counts["invalid"]:
        found.append(told("guard.all_invalid", count=counts["missing"]))
    if full_roster:
        found += _share("missing", counts["missing"], known, limits.missing_percent, limits.few, where=where)
    found += _share("changed", counts["update"], known or rows, limits.changed_percent, limits.few)
    found += _share("invalid", counts["invalid"], rows, limits.invalid_percent, limits.few)
    return found + _losing(counts)


def _share(kind: str, count: int, total: int, limit: float, few: int, **about: str) -> list[dict[str, Any]]:
    percent = 100 * count / total if total else 0.0
    if count <= few or percent <= limit:
        return []
    return [told(f"guard.too_many_{kind}", count=count, total=total, percent=percent, limit=limit, **about)]
