"""apply: send one slice's changes in batches, keep what became of each record, then remember what was sent."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from shared.engine import changes as changesets
from shared.engine.context import Engine
from shared.engine.listing import REASON, reason
from shared.engine.progress import following
from shared.mapping.registrations import UNTOLD
from shared.model.cause import causes_of
from shared.model.error_texts import said
from shared.model.errors import Conflict
from shared.model.ports import Target
from shared.model.record import Action, Applied, Change, ChangeBatch, Outcome
from shared.model.run import Run
from shared.store.buckets import Entries, bucket_of, label_in, state_of, version_of
from shared.store.records import RecordResult
from shared.store.slices import Slice, SliceState
from shared.telemetry.metrics import APPLIED
from shared.together import together

log = structlog.get_logger()

Answers = dict[str, Applied]
Remembering = Callable[[Engine, Run, Slice, Sequence[Change], Mapping[str, Applied]], Awaitable[bool]]

GONE = "gone"
KEPT = "kept"


async def apply(engine: Engine, run: Run, slice: Slice, *, remember: Remembering) -> bool:
    """compared -> applied. Done twice it has no second effect. False where the lease was lost.

    `remember` puts what was sent into the state; its False means that a newer run has.

    Raises:
        Conflict: a later run of the stream has remembered newer values.
        Permanent: the target refuses the whole call (credentials, switch, a later run).
        Transient: try again later.
    """
    org = engine.org(run)
    changes = changesets.unpack(await org.artifacts.get(slice.changes))
    overtaken = await _overtaken(engine, run, changes)
    changes = [one for one in changes if one.key not in overtaken]
    connection = await org.connections.get(run.connection)
    if run.direction == "export" and any(one.is_sent or (run.may_tell and told_as(one)) for one in changes):
        connection.check_export()
    plan = await engine.planner.plan(run, connection)
    target = await engine.ends.target(run, connection, plan.compiled.match_key, plan.fixed)
    try:
        answers = await send(engine, run, slice, target, changes)
    finally:
        await target.aclose()
    await report(engine, run, changes, answers)
    if not await remember(engine, run, slice, changes, answers):
        if not await org.slices.renew(slice, engine.settings.lease_seconds):
            return False
        raise Conflict(*said("run.overtaken"))
    counts = {**applied_counts(changes, answers), "overtaken": len(overtaken)}
    messages = following(engine, run, slice)
    causes = causes_of((one.row, answers[one.key].problems) for one in changes if one.key in answers)
    if not await org.slices.complete(slice, SliceState.APPLIED, counts=counts, causes=causes, messages=messages):
        return False
    await engine.relay.send("slices", slice.id, messages)
    log.info("applied", action="apply", counts=counts)
    return True


async def _overtaken(engine: Engine, run: Run, changes: Sequence[Change]) -> frozenset[str]:
    """Registrations that others have sent while the run waited for approval: their values are newer than ours."""
    if not run.compared_as or run.delivery != "sis":
        return frozenset()
    return (await engine.org(run).runs.overtaking(run)).intersection(one.key for one in changes)


async def send(engine: Engine, run: Run, slice: Slice, target: Target, changes: Sequence[Change]) -> Answers:
    """Everything but what the target already holds or is not to get; results are stored batch by batch."""
    gate = asyncio.Semaphore(target.concurrency)
    sent = [one for one in changes if one.is_sent]
    empty = [one for one in changes if one.is_empty]

    async def send(number: int) -> Answers:
        part = sent[number * target.batch_size : (number + 1) * target.batch_size]
        async with gate:
            given = await target.apply(ChangeBatch(f"{slice.id}/{number}", part))
            return await _noted(engine, run, slice, part, given)

    batches = -(-len(sent) // target.batch_size)
    answers = await _noted(engine, run, slice, empty, [Applied(one.key, True, KEPT, one.target_id) for one in empty])
    for part in await together(send(number) for number in range(batches)):
        answers |= part
    return answers


async def _noted(
    engine: Engine, run: Run, slice: Slice, changes: Sequence[Change], given: Sequence[Applied]
) -> Answers:
    """What became of each, stored among the records of the run."""
    if not changes:
        return {}
    answers = [_settled(change, answer) for change, answer in zip(changes, given, strict=True)]
    results = [_result(change, answer) for change, answer in zip(changes, answers, strict=True)]
    await engine.org(run).records.put(run, slice.fence, results)
    for answer in answers:
        APPLIED.labels(run.data_type, answer.status).inc()
    return {change.key: answer for change, answer in zip(changes, answers, strict=True)}


def _settled(change: Change, answer: Applied) -> Applied:
    """A missing student whom the target has deleted since: nothing is left to mark, today or any other day.

    What is known not to be sent belongs to the answer.
    """
    if change.problems and answer.ok:
        return replace(answer, problems=[*answer.problems, *change.problems], partial=True)
    if change.action is Action.MISSING and any(problem.code == "student.unknown" for problem in answer.problems):
        return Applied(change.key, True, GONE)
    return answer


def _result(change: Change, answer: Applied) -> RecordResult:
    written = change.values if change.action is Action.CREATE else change.before
    names = written if answer.ok and answer.status != GONE else ()
    removed = change.action is Action.REMOVE
    also = {name: value for name, value in change.values.items() if name not in written} if names else {}
    return RecordResult(
        row=change.row,
        key=change.key,
        action=Action.ADOPT if change.is_empty else change.action,
        outcome=_outcome(answer),
        target_id=answer.target_id or change.target_id,
        changes={name: [change.before.get(name), None if removed else change.values[name]] for name in names},
        problems=answer.problems,
        also=also,
        label=change.label,
    )


def _outcome(answer: Applied) -> Outcome:
    if not answer.ok:
        return Outcome.FAILED
    return Outcome.PARTIAL if answer.partial else Outcome.SUCCEEDED


async def report(engine: Engine, run: Run, changes: Sequence[Change], answers: Mapping[str, Applied]) -> None:
    """Tell Enroll what became of registrations."""
    if run.delivery == "sis" and not run.undoes and run.may_tell:
        await engine.ends.report(run, [told for one in changes if (told := _told(one, answers.get(one.key)))])


def _told(change: Change, answer: Applied | None) -> dict[str, str] | None:
    """What Enroll is told about a registration; nothing where it shows it already."""
    if answer is not None:
        return {"id": change.key, "status": _outcome(answer).value, "error": reason(answer.problems)}
    status = told_as(change)
    if status is None:
        return None
    return {"id": change.key, "status": status.value, "error": str(change.values.get(REASON, ""))}


def told_as(change: Change) -> Outcome | None:
    """How Enroll is told that a registration stands of which nothing is sent into the SIS; None of the others."""
    if change.action is Action.NONE:
        return Outcome.FAILED
    if change.is_empty:
        return Outcome.PARTIAL
    return Outcome.SUCCEEDED if change.action is Action.ADOPT and change.mark == UNTOLD else None


async def remember(
    engine: Engine, run: Run, slice: Slice, changes: Sequence[Change], answers: Mapping[str, Applied]
) -> bool:
    """Put what was sent into the state buckets. False where a newer version stands there: we were overtaken."""
    buckets = engine.org(run).buckets
    state = state_of(run)
    known = await buckets.load(state, slice.low, slice.high)
    touched: dict[int, Entries] = {}
    for change in changes:
        answer = answers.get(change.key)
        target_id = (answer.target_id if answer else None) or change.target_id or ""
        if change.action is not Action.NONE and (answer is None or answer.ok):
            bucket = bucket_of(change.key)
            entries = touched.setdefault(bucket, known.get(bucket, {}))
            if answer is not None and answer.status == GONE:
                entries.pop(change.key, None)
            else:
                missing = int(change.action is Action.MISSING)
                # A part is still to be sent: the next run is to look at the record anew.
                sent = ("", "") if answer is not None and answer.partial else (change.digest, change.mark)
                label = change.label or label_in(entries.get(change.key))
                entries[change.key] = (sent[0], target_id, missing, sent[1], label)
    return await buckets.save(state, version_of(run.number, slice.fence), touched, held=known)


def applied_counts(changes: Sequence[Change], answers: Mapping[str, Applied]) -> dict[str, int]:
    statuses = [answers[one.key].status for one in changes if one.key in answers]
    return {
        "created": statuses.count("created"),
        "updated": statuses.count("updated") + statuses.count("unchanged"),
        "removed": statuses.count("removed"),
        "failed": statuses.count("failed"),
        "partial": sum(one.partial for one in answers.values()),
        "stopped": 0,
    }
