"""The operator's command line: failed messages, and keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, NoReturn

import orjson
import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from shared.engine.dead_letters import DeadLetters, Deed, shown
from shared.engine.relay import Relay
from shared.messaging.publisher import Publisher
from shared.model.errors import SyncError
from shared.settings import Settings
from shared.store.database import Store
from shared.store.failed import Selection

app = typer.Typer(no_args_is_help=True, help="For operators.")
failed = typer.Typer(no_args_is_help=True, help="Messages that used up their attempts, or could not be read.")
app.add_typer(failed, name="failed")

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them.")]
Type = Annotated[str | None, typer.Option("--type", help="Only this message type.")]
Code = Annotated[str | None, typer.Option(help="Only this error code.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as 'out of attempts'.")]
Org = Annotated[str | None, typer.Option(help="Only this organization.")]
RunId = Annotated[str | None, typer.Option("--run", help="Only this run.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
All = Annotated[bool, typer.Option("--all", help="Really all that are waiting, where no id or filter is given.")]
Why = Annotated[str, typer.Option(help="Kept with the message.")]
By = Annotated[str, typer.Option(envvar="USER", help="Who is acting; kept with the message.")]
State = Annotated[Literal["waiting", "replayed", "discarded", "any"], typer.Option(help="In this state only.")]
Limit = Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]


@app.command("new-key")
def new_key() -> None:
    """Print a fresh key for SYNC_SECRET_KEYS."""
    typer.echo(Fernet.generate_key().decode())


@failed.command("list")
def list_(
    type: Type = None,
    code: Code = None,
    reason: Reason = None,
    org: Org = None,
    run: RunId = None,
    state: State = "waiting",
    as_json: Json = False,
    limit: Limit = 1000,
) -> None:
    """List failed messages, oldest first."""
    selection = Selection((), type, code, reason, org, run)
    wanted = None if state == "any" else state

    async def look(store: Store, _: Relay) -> tuple[list[dict[str, Any]], int]:
        listed = await store.failed.find(selection, state=wanted, limit=limit)
        is_full = bool(limit) and len(listed) == limit
        return listed, await store.failed.count(selection, state=wanted) if is_full else len(listed)

    found, total = _run(look)
    told = f"{len(found)} messages" if len(found) >= total else f"{len(found)} of {total} messages; --limit 0 lists all"
    if as_json:
        for one in found:
            typer.echo(orjson.dumps(shown(one), default=str).decode())
        if len(found) < total:
            typer.echo(told, err=True)
        return
    table = Table("id", "type", "reason", "code", "attempts", "last failed", "run", "state")
    for one in found:
        last = one["last_failed"].isoformat(timespec="seconds")
        table.add_row(
            one["_id"],
            one["type"],
            one["reason"],
            one["code"] or one["error"],
            str(one["attempts"]),
            last,
            one["run"],
            one["state"],
        )
    Console(width=None if Console().is_terminal else 220, markup=False, emoji=False).print(table)
    typer.echo(told)


@failed.command()
def show(id: Annotated[str, typer.Argument()]) -> None:
    """Everything about one failed message. Messages hold ids only, no personal data."""
    found = _run(lambda store, _: store.failed.find(Selection((id,)), state=None))
    if not found:
        _fail(f"There is no failed message {id}.")
    typer.echo(orjson.dumps(shown(found[0]), default=str, option=orjson.OPT_INDENT_2).decode())


@failed.command()
def replay(
    ids: Ids = None,
    type: Type = None,
    code: Code = None,
    reason: Reason = None,
    org: Org = None,
    run: RunId = None,
    all_: All = False,
    dry_run: DryRun = False,
    why: Why = "",
    by: By = "operator",
) -> None:
    """Send failed messages again, under their own ids: what was done already is not done twice.

    Those of a run that a later run of the same kind has overtaken are not sent: their values are out of date.
    """
    _each("replay", _selection(ids, type, code, reason, org, run, all_), dry_run, by, why)


@failed.command()
def discard(
    ids: Ids = None,
    type: Type = None,
    code: Code = None,
    reason: Reason = None,
    org: Org = None,
    run: RunId = None,
    all_: All = False,
    dry_run: DryRun = False,
    why: Why = "",
    by: By = "operator",
) -> None:
    """Put failed messages aside. They stay in the archive and are not sent again."""
    _each("discard", _selection(ids, type, code, reason, org, run, all_), dry_run, by, why)


DONE: dict[Deed, str] = {"replay": "replayed", "discard": "discarded"}


def _each(deed: Deed, selection: Selection, dry_run: bool, by: str, why: str) -> None:
    done = DONE[deed]

    async def work(store: Store, relay: Relay) -> tuple[int, int]:
        found = {one["_id"] for one in await store.failed.find(selection, limit=0)}
        await _explain_absent(store, selection, found)
        acted = 0
        letters = DeadLetters(store, relay, Settings().topology())
        async for one in letters.handle(deed, selection, by=by, why=why, dry_run=dry_run):
            acted += one.done
            if not one.done:
                typer.echo(f"{one.letter['_id']}: {one.why_not}", err=True)
            elif dry_run:
                typer.echo(f"would be {done}: {one.letter['_id']}  {one.letter['type']}  {one.letter['reason']}")
        return len(selection.ids) or len(found), acted

    asked, acted = _run(work)
    typer.echo(f"{acted} of {asked} {'would be ' if dry_run else ''}{done}")
    if acted < asked:
        raise typer.Exit(1)


async def _explain_absent(store: Store, selection: Selection, found: set[str]) -> None:
    """Ids that were asked for by name and do not wait. One that does not exist is a mistake of the caller."""
    absent = [id for id in selection.ids if id not in found]
    known = (
        {one["_id"]: one["state"] for one in await store.failed.find(Selection(absent), state=None)} if absent else {}
    )
    if unknown := [id for id in absent if id not in known]:
        _fail(f"There is no failed message {', '.join(unknown)}. Nothing was done.")
    for id in absent:
        text = f"is {known[id]} already" if known[id] != "waiting" else "is waiting, but the filter leaves it out"
        typer.echo(f"{id}: {text}.", err=True)


def _selection(
    ids: list[str] | None,
    type: str | None,
    code: str | None,
    reason: str | None,
    org: str | None,
    run: str | None,
    all_: bool,
) -> Selection:
    if not (ids or type or code or reason or org or run or all_):
        _fail("Say which: ids, a filter, or --all.")
    return Selection(tuple(ids or ()), type, code, reason, org, run)


def _run(work: Callable[[Store, Relay], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        settings = Settings()
        store = Store(settings.mongo_url, settings.mongo_database)
        publisher = Publisher(settings.amqp_url, settings.topology(), "ops")
        try:
            return await work(store, Relay(store.outboxes, publisher))
        finally:
            await publisher.aclose()
            store.close()

    try:
        return asyncio.run(inside())
    except SyncError as error:
        _fail(f"{error.message} {error.fix}")


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)
