"""Nobody is created twice: a SIS knows no idempotency keys, so the link ledger stands between it and the run.

Before students are created the ledger says so; afterwards it holds their ids in the SIS. Whoever finds an entry already
there looks the student up first, and makes of the creation whatever is left to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.engine.classify import Candidate
from shared.engine.deciding import decide, objections
from shared.mapping.registrations import STUDENT
from shared.model.catalog import Catalog
from shared.model.error_texts import said
from shared.model.ports import Target
from shared.model.record import Action, Applied, Change, ChangeBatch, Found, Problem, Sought, Values
from shared.store.links import ConnectionLinks, Link


class LinkedTarget:
    """A target behind the ledger (`shared.model.ports.Target`)."""

    def __init__(self, inner: Target, links: ConnectionLinks, about: Catalog, fixed: frozenset[str]) -> None:
        self.batch_size = inner.batch_size
        self.concurrency = inner.concurrency
        self.resumes = inner.resumes
        self._inner = inner
        self._links = links
        self._about = about
        self._fixed = fixed

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def look_up(self, sought: Sequence[Sought], fields: Sequence[str]) -> dict[str, Found]:
        """By the ledger, else by the match keys. Whoever the SIS has deleted since is looked for anew.

        Whose creation is under way, where that can be resumed, is told as absent, so that it is; and so is whom this
        very run has begun to create before it was cut off, so that it finds and tells what it has done.
        """
        known = await self._links.known([_student(one.values) for one in sought])
        sought = [one for one in sought if not self._is_taken_up(known.get(_student(one.values)))]
        return await self._look_up(sought, fields, known)

    def _is_taken_up(self, link: Link | None) -> bool:
        return link is not None and (link.own or (self.resumes and not link.sis))

    async def _look_up(
        self, sought: Sequence[Sought], fields: Sequence[str], known: Mapping[str, Link]
    ) -> dict[str, Found]:
        found = await self._inner.look_up([_linked(one, known) for one in sought], fields)
        lost = [one for one in sought if one.key not in found and _sis(known, one)]
        if lost:
            await self._links.forget([_student(one.values) for one in lost])
            found |= await self._inner.look_up([replace(one, target_id=None) for one in lost], fields)
        return await self._without_others(sought, found)

    async def check(self, changes: Sequence[Change]) -> list[Sequence[Problem]]:
        return await self._inner.check(changes)

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        creates = {_student(one.values): one for one in batch.changes if one.action is Action.CREATE}
        begun = await self._links.begin(list(creates)) if creates else set()
        left = await self._left([creates[student] for student in begun])
        todo = [left.get(one.key, one) for one in batch.changes]
        answers = {one.key: one for one in todo if isinstance(one, Applied)}
        sent = [one for one in todo if isinstance(one, Change)]
        if sent:
            given = await self._inner.apply(ChangeBatch(batch.idempotency_key, sent))
            answers |= {one.key: _finished(one) if one.key in left else one for one in await self._noted(sent, given)}
        return [answers[one.key] for one in batch.changes]

    async def _left(self, changes: Sequence[Change]) -> dict[str, Change | Applied]:
        """What is left to do of creations that were tried before, or the answer where nothing is."""
        if not changes:
            return {}
        fields = sorted({name for one in changes for name in one.values})
        sought = [Sought(one.key, one.values, interrupted=True) for one in changes]
        known = await self._links.known([_student(one.values) for one in changes])
        found = await self._look_up(sought, fields, known)
        result: dict[str, Change | Applied] = {}
        for change in changes:
            held, candidate = found.get(change.key), _candidate(change)
            if held is None:
                result[change.key] = change
            elif against := objections(candidate, held, self._about):
                result[change.key] = Applied(change.key, False, "failed", None, against)
            elif self.resumes:
                result[change.key] = replace(change, target_id=held.target_id)
            else:
                result[change.key] = left = decide(candidate, held, self._about, self._fixed)
                if left.action is Action.ADOPT:
                    (result[change.key],) = await self._noted([change], [_created(change.key, held.target_id)])
        return result

    async def _noted(self, changes: Sequence[Change], answers: Sequence[Applied]) -> list[Applied]:
        """Links to whoever was saved; nothing is under way for whom the SIS refused."""
        pairs = list(zip(changes, answers, strict=True))
        taken = await self._links.link(
            {_student(change.values): one.target_id for change, one in pairs if one.ok and one.target_id}
        )
        refused = [change for change, one in pairs if not one.ok and change.action is Action.CREATE and one.problems]
        await self._links.drop([_student(one.values) for one in refused if not _unknown(one, answers)])
        linked = Problem(*said("student.linked"), STUDENT)
        return [
            replace(one, problems=[*one.problems, linked], partial=True) if _student(change.values) in taken else one
            for change, one in pairs
        ]

    async def _without_others(self, sought: Sequence[Sought], found: Mapping[str, Found]) -> dict[str, Found]:
        """Who belongs to another student of Enroll is not who is sought."""
        own = {one.key: _student(one.values) for one in sought}
        holders = await self._links.holders([one.target_id for one in found.values() if one.target_id])
        problem = Problem(*said("student.linked"), STUDENT)
        return {
            key: Found("", {}, [problem]) if holders.get(one.target_id, own[key]) != own[key] else one
            for key, one in found.items()
        }


def _student(values: Values) -> str:
    return str(values.get(STUDENT) or "")


def _sis(known: Mapping[str, Link], one: Sought) -> str:
    link = known.get(_student(one.values))
    return link.sis if link else ""


def _linked(one: Sought, known: Mapping[str, Link]) -> Sought:
    interrupted = one.interrupted or _student(one.values) in known
    return replace(one, target_id=_sis(known, one) or None, interrupted=interrupted)


def _unknown(change: Change, answers: Sequence[Applied]) -> bool:
    """The SIS did not say what became of it: the creation counts as under way."""
    return any(problem.code == "sis.no_result" for one in answers if one.key == change.key for problem in one.problems)


def _created(key: str, target_id: str) -> Applied:
    return Applied(key, True, "created", target_id)


def _finished(answer: Applied) -> Applied:
    """Whoever finishes what was begun has created it, even where only a contact was left to do."""
    return replace(answer, status="created") if answer.ok else answer


def _candidate(change: Change) -> Candidate:
    return Candidate(
        change.row, change.key, change.values, change.digest, change.mark, False, False, None, change.label
    )
