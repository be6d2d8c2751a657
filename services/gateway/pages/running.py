"""Run now: an import or an export by hand, which ends at the page of its run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from services.gateway import connections, exports, imports, runs
from services.gateway.exports import StartedExport
from services.gateway.pages.connection import ADDRESS
from services.gateway.pages.fields import Form
from services.gateway.pages.run_forms import Offer, offered
from services.gateway.pages.site import HEADERS, page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import STARTED_NOT_COMPARED
from shared.model.connection import Connection
from shared.model.errors import Permanent
from shared.model.number import whole_number
from shared.model.run import Run, RunState

router = APIRouter(include_in_schema=False)

MOST_UNDECIDED: Final = 5
NO_FILE: Final = "Choose a file."
NO_YEAR: Final = "Choose a school year."
CHOSEN: Final = ("roster", "which", "preview")
"""What is ours to refuse; what a data type, a year or a mapping allows is the API's to say."""
WANTED: Final = {"school": "Say which school.", "student": "Enter the id of the student."}
NOBODY: Final = "Enter whose registration is to be written, or choose Preview to see first whose it would be."
USED: Final = {"school": ("school",), "student": ("student",), "test": ("student",)}
NOT_ASKED: Final = {
    "school": "Choose “Those of one school”, or leave this blank.",
    "student": "Choose “That of one student”, or leave this blank.",
}
"""What would be left out of account, which nobody expects who has filled it in."""
BLAMED: Final = {
    "mapping.none": "data_type",
    "mapping.name_unknown": "mapping",
    "upload.no_file": "file",
    "import.no_changes": "changes",
    "connection.school_unknown": "school",
}


@dataclass(slots=True)
class Asked:
    """What was sent, and what is wrong with it."""

    sent: FormData
    wrong: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.sent.get(name)
        return value.strip() if isinstance(value, str) else ""

    @property
    def year(self) -> int:
        """0 where none was chosen."""
        year = whole_number(self.text("school_year"), 0)
        return year if 1000 <= year <= 9999 else 0

    @property
    def preview(self) -> bool:
        """Unless somebody has said otherwise."""
        return self.text("preview") != "0"

    @property
    def afresh(self) -> bool:
        return self.text("afresh") == "1"

    @property
    def roster(self) -> Literal["full", "some"] | None:
        match self.text("roster"):
            case "full":
                return "full"
            case "some":
                return "some"
            case _:
                return None

    @property
    def mapping(self) -> str:
        return self.text("mapping")[:100] or "default"


@router.get(ADDRESS + "/run")
async def show(visit: Visited, id: str) -> Response:
    connection = await connections.show(visit.call, id)
    return await _page(visit, connection, await offered(visit, connection))


@router.get(ADDRESS + "/run/{way}")
async def again(visit: Visited, id: str, way: str) -> Response:
    await visit.call.connection(id)
    return RedirectResponse(f"/connections/{id}/run", 303, HEADERS)


@router.post(ADDRESS + "/run/upload", summary="Import a file")
async def upload(visit: Visited, id: str) -> Response:
    """An import of a file, which is stored once it is known that this person may import it."""
    asked = Asked(await visit.form())
    file = asked.sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        asked.wrong["file"] = NO_FILE

    async def start() -> Run:
        about = (asked.text("data_type"), asked.year, asked.preview, asked.roster, asked.mapping)
        return await imports.upload(visit.request, visit.call, id, *about, afresh=asked.afresh)

    return await _started(visit, id, "upload", asked, start)


@router.post(ADDRESS + "/run/fetch", summary="Import now")
async def fetch(visit: Visited, id: str) -> Response:
    """An import of what is in the SFTP folder, or in the SIS."""
    asked = Asked(await visit.form())

    async def start() -> Run:
        about = (asked.text("data_type"), asked.year, asked.preview, asked.roster, asked.mapping)
        changes = asked.text("changes") == "1"
        return await imports.pull(visit.call, id, *about, changes=changes, afresh=asked.afresh)

    return await _started(visit, id, "fetch", asked, start)


@router.post(ADDRESS + "/run/export", summary="Export now")
async def export(visit: Visited, id: str) -> Response:
    asked = Asked(await visit.form())
    which = asked.text("which") or "all"
    if which in WANTED and not asked.text(which):
        asked.wrong[which] = WANTED[which]
    for name in NOT_ASKED:
        if asked.text(name) and name not in USED.get(which, ()):
            asked.wrong[name] = NOT_ASKED[name]
    if which == "test" and not asked.preview and not asked.text("student"):
        asked.wrong["student"] = NOBODY

    async def start() -> Run:
        return await exports.start(
            visit.call,
            id,
            "students",
            asked.year,
            preview=asked.preview,
            mapping=asked.mapping,
            student=asked.text("student")[:100] if which in ("student", "test") else "",
            school=(asked.text("school")[:20],) if which == "school" else (),
            pending=which == "pending",
            test=which == "test",
            afresh=asked.afresh,
        )

    return await _started(visit, id, "export", asked, start)


async def _started(visit: Visit, id: str, way: str, asked: Asked, start: Callable[[], Awaitable[Run]]) -> Response:
    """To the page of the run; the form again, with what is wrong, where there is none.

    What is not offered to this person is asked of the API all the same, which refuses it and notes that.
    """
    connection, since = await connections.show(visit.call, id), datetime.now(UTC)
    offer = await offered(visit, connection)
    trial = offer.find(way)
    if trial is None:
        return _to(await start(), since)
    trial.form = Form.read(trial.form.fields, asked.sent)
    if not asked.year:
        asked.wrong["school_year"] = NO_YEAR
    trial.form.wrong = asked.wrong
    trial.form.refuse_strays(CHOSEN)
    if not asked.wrong:
        try:
            return _to(await start(), since)
        except Permanent as error:
            trial.form.blame(error, BLAMED)
    return await _page(visit, connection, offer)


def _to(run: Run, since: datetime) -> Response:
    """One that was there before was asked for in the same words."""
    if isinstance(run, StartedExport) and not run.schools_compared:
        return then(f"/runs/{run.id}", STARTED_NOT_COMPARED)
    return then(f"/runs/{run.id}", "started" if run.created_at >= since else "joined")


async def _page(visit: Visit, connection: Connection, offer: Offer) -> Response:
    status = 422 if any(one.form.bad for one in offer.trials) else 200
    undecided = await runs.index(visit.call, connection.id, RunState.NEEDS_APPROVAL, limit=MOST_UNDECIDED)
    about = {"connection": connection, "trials": offer.trials, "reasons": offer.reasons, "undecided": undecided}
    return await page(visit, "run_now.html", status=status, **about)
