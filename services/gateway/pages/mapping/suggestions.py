"""Suggestions: rows that Auto-map proposes, each with its reason, taken into the draft one by one or all."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import exports
from services.gateway.pages.filters import named
from services.gateway.pages.mapping.fields import HOME
from services.gateway.pages.mapping.rows import Names, Step, step_of
from services.gateway.pages.mapping.screen import Screen, screen
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.model.draft import Draft
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`now` is what the draft has for the field already, `summary` and `before` what the two do, in words."""

    target: str
    label: str
    column: str
    step: Step
    sure: int
    reason: str
    now: Step | None
    summary: str
    before: str

    @property
    def same(self) -> bool:
        return self.now is not None and self.now == self.step


@router.get(HOME + "/suggestions")
async def show(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    one = await screen(visit, id, direction, data_type)
    fields = one.whose.catalog.fields
    held = rows_by_target(one.draft)
    proposals = [each for each in one.examples.proposals if each.get("target") in fields]
    found = [_suggestion(each, held, fields, one.names) for each in proposals]
    free = sum(_is_free(each, held) or _is_same(each, held) for each in proposals)
    return await one.page("suggestions.html", "suggestions", found=found, free=free)


@router.post(HOME + "/suggestions", summary="Answer suggestions of a mapping")
async def answer(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """Take one or all, or wave them away. Nothing is saved by it."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    do, _, target = form.get("do", "").partition(":")
    proposals = one.examples.proposals
    if do == "ask" and direction == "export":
        found = await _asked(one)
        if not found:
            return one.then("suggestions", "nothing-suggested")
        await one.keep_examples(one.examples.model_copy(update={"proposals": found}))
        return one.then("suggestions")
    chosen = [each for each in proposals if do == "dismiss-all" or each.get("target") == target]
    if do in ("accept", "accept-all"):
        await one.go_on(form)
        held = rows_by_target(one.draft)
        if do == "accept-all":
            chosen = [each for each in proposals if _is_free(each, held) or _is_same(each, held)]
        new = [each["row"] for each in chosen if not _is_same(each, held)]
        await one.keep(with_rows(one.draft, new))
    left = [each for each in proposals if each not in chosen]
    await one.keep_examples(one.examples.model_copy(update={"proposals": left}))
    done = "accepted" if do.startswith("accept") else ""
    return one.then("suggestions" if left else "fields", done)


async def _asked(one: Screen) -> list[dict[str, Any]]:
    """Rows for what is not mapped yet, checked by the examples, where this person may see them."""
    may_see = await one.visit.can(Deed.VIEW_EXPORT)
    about = exports.Proposing(
        school_year=one.examples.school_year,
        students=one.examples.students if may_see else [],
        mapped=[target for target, row in rows_by_target(one.draft).items() if is_mapped(row)],
    )
    found = await exports.proposed(one.visit.call, one.whose.connection.id, one.whose.data_type, about)
    return [asdict(each) for each in found]


def rows_by_target(draft: Draft) -> dict[str, Mapping[str, Any]]:
    return {str(row.get("target")): row for row in draft.fields}


def is_mapped(row: Mapping[str, Any]) -> bool:
    """Whether somebody has decided about the field: one that was added and is blank yet waits for it."""
    return row.get("type") != "direct" or bool(row.get("source"))


def _is_free(proposal: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it takes nobody's row away: only who asks for that very row does that."""
    now = held.get(str(proposal.get("target")))
    return now is None or not is_mapped(now)


def _is_same(proposal: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the row says so already; what else it says, as of blanks, is the person's."""
    now = held.get(str(proposal.get("target")))
    return now is not None and step_of(now) == step_of(proposal["row"])


def with_rows(draft: Draft, rows: Sequence[Mapping[str, Any]]) -> Draft:
    """The draft with these rows, each in the place of what there is for its field."""
    new = {row["target"]: dict(row) for row in rows}
    held = [new.pop(str(row.get("target")), row) for row in draft.fields]
    return draft.model_copy(update={"fields": [*held, *new.values()]})


def _suggestion(
    proposal: Mapping[str, Any], held: Mapping[str, Any], fields: Mapping[str, Any], names: Names
) -> Suggestion:
    target = str(proposal["target"])
    now = step_of(held[target]) if target in held else None
    sure = round(float(proposal["confidence"]) * 100)
    step = step_of(proposal["row"])
    before = (names.read(now.column) if now.column else now.summary(names)) if now else ""
    read, reason = names.read(str(proposal["column"])), proposal["reason"]
    return Suggestion(target, fields[target].label, read, step, sure, reason, now, step.summary(names), before)
