"""`make demo`: everything on this machine, and the story of districts whose students reach Enroll, and go back."""

import argparse
import asyncio
import contextlib
import csv
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.table import Table

from devtools.district import COLLEAGUES, ENDED, EXPORTER, YEAR, District
from devtools.parts import LocalParts, PartError
from devtools.sis_districts import SISS, SisDistrict, enrolled
from devtools.stack import REHEARSAL, SANDBOX, Stack
from services.sandbox.district import student_export, student_mapping, write_district

SERVICES = ("gateway", "importer", "exporter", "scheduler", SANDBOX, REHEARSAL)
STUDENTS = 2000
CHANGED = 0.01
REGISTERED = 1500
APPROVED = 20
PULLED = 500
EXPORTED = 100
LABELS = {"powerschool": "PowerSchool", "aeries": "Aeries", "skyward": "Skyward"}
WORDS = {"client_id": "client", "client_secret": "secret", "certificate": "certificate"}
ZONE = "America/Denver"
console = Console() if sys.stdout.isatty() else Console(width=110)


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the closing table."""

    title: str
    state: str
    counts: dict[str, int]
    seconds: float
    expected: dict[str, int]

    @property
    def as_expected(self) -> bool:
        state = "partial" if self.expected["partial"] else "succeeded"
        return self.state == state and all(self.counts[name] == count for name, count in self.expected.items())


def _expect(*, created: int = 0, updated: int = 0, unchanged: int = 0, partial: int = 0) -> dict[str, int]:
    done = {"created": created, "updated": updated, "unchanged": unchanged, "partial": partial}
    return {**done, "failed": 0, "invalid": 0}


async def story(stack: Stack) -> list[Told]:
    """Upload, nightly SFTP, the same file with 1 % changed, a nightly export; then through the API of each SIS."""
    told = []
    folder = stack.directory / "files"
    folder.mkdir(exist_ok=True)
    async with (
        District(stack, "aspen-valley", permissions=EXPORTER, others=COLLEAGUES) as aspen,
        District(stack, "aspen-valley", permissions=EXPORTER, enroll=REHEARSAL),
        District(stack, "cedar-ridge", permissions=EXPORTER, others=COLLEAGUES) as cedar,
    ):
        told.append(await _upload(aspen, folder / "students.csv"))
        connection = await cedar.sftp()
        await cedar.api.patch(f"/connections/{connection}", json={"enable_import": True})
        first = _expect(created=STUDENTS)
        told.append(await _nightly(cedar, connection, "nightly SFTP", 0, first))
        count = round(STUDENTS * CHANGED)
        second = _expect(updated=count, unchanged=STUDENTS - count)
        told.append(await _nightly(cedar, connection, "1 % changed", CHANGED, second))
        told.append(await _export(cedar, connection))
        for number, kind in enumerate(SISS, 5):
            told += await _through_the_api(stack, number, SISS[kind], folder)
        await aspen.ad_hoc("Rehearsal", instance="sandbox")
        await _leave_for_trying(aspen, folder)
    return told


async def _leave_for_trying(district: District, folder: Path) -> None:
    """What the README's session needs: addresses, a token for an hour, a mapping, a file, approvals."""
    token = await district.token()
    session = folder / "session"
    session.touch(mode=0o600)
    session.write_text(f"api={district.stack.url('gateway')}/api/v1\nauth='Authorization: Bearer {token}'\n")
    await asyncio.to_thread(write_district, folder / "students.csv", STUDENTS, changed=CHANGED)
    await district.register(await asyncio.to_thread(_ids, folder / "students.csv"))
    (folder / "mapping.json").write_bytes(orjson.dumps(student_mapping(), option=orjson.OPT_INDENT_2))


def _ids(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["Student ID"] for row in islice(csv.DictReader(file), APPROVED)]


async def _upload(district: District, path: Path) -> Told:
    console.print(f"[bold]1[/] Aspen Valley uploads a file of {STUDENTS:,} students")
    await asyncio.to_thread(write_district, path, STUDENTS)
    connection = await district.ad_hoc("Morning uploads")
    started = time.monotonic()
    run = await district.upload(connection, path)
    return await _follow(district, run["id"], "upload", started, _expect(created=STUDENTS))


async def _nightly(district: District, connection: str, title: str, changed: float, expected: dict[str, int]) -> Told:
    number = 3 if changed else 2
    console.print(f"[bold]{number}[/] Cedar Ridge puts a file on SFTP; the schedule is in two seconds ({title})")
    inbox = district.stack.sftp.folder / "import"
    inbox.mkdir(exist_ok=True)
    written = district.stack.directory / "students.csv"  # put in its place in one step, so that nobody reads half of it
    await asyncio.to_thread(write_district, written, STUDENTS, seed=2, changed=changed)
    await asyncio.to_thread(written.replace, inbox / "students.csv")
    run = await _triggered(district, connection)
    return await _follow(district, run, title, time.monotonic(), expected)


async def _triggered(district: District, connection: str, **more: str) -> str:
    """The run that the schedule makes, which is set to two seconds from now."""
    before = {run["id"] for run in await _runs(district)}
    due = datetime.now(UTC).astimezone(ZoneInfo(ZONE)) + timedelta(seconds=2)
    plan = {"school_year": YEAR, "time": due.strftime("%H:%M:%S"), "zone": ZONE, **more}
    (await district.api.put(f"/connections/{connection}/schedule", json=plan)).raise_for_status()
    started = time.monotonic()
    while not (fresh := [run for run in await _runs(district) if run["id"] not in before]):
        if time.monotonic() - started > 60:
            raise TimeoutError("the scheduler did not trigger the run")
        await asyncio.sleep(0.1)
    return fresh[0]["id"]


def _org(kind: str) -> str:
    return f"{kind}-district"


async def _through_the_api(stack: Stack, number: int, kind: type[SisDistrict], folder: Path) -> list[Told]:
    """Approved registrations into the SIS; of PowerSchool, its students into Enroll first, and a contact that fails."""
    told, is_first, label = [], kind.kind == "powerschool", LABELS[kind.kind]
    async with District(stack, _org(kind.kind), permissions=EXPORTER, others=COLLEAGUES) as district:
        sis = kind(district)
        await sis.make(students=PULLED if is_first else 0, seed=9)
        connection = await sis.connect()
        if is_first:
            console.print(
                f"[bold]{number}[/] A district reads its {PULLED:,} students from {LABELS[kind.kind]} into Enroll"
            )
            await sis.propose(connection)
            started = time.monotonic()
            run = (await district.pull(connection))["id"]
            told.append(await _follow(district, run, f"from {label}", started, _expect(created=PULLED)))
        console.print(
            f"[bold]{number}[/] {EXPORTED} registrations are approved and become students of {LABELS[kind.kind]}"
        )
        nameless = 1 if is_first else 0
        students = await enrolled(district, folder, EXPORTED, skip=PULLED, nameless=nameless)
        await district.register(students)
        started = time.monotonic()
        run = (await district.export(connection, pending=True))["id"]
        expected = _expect(created=EXPORTED, partial=nameless)
        told.append(await _follow(district, run, f"to {label}", started, expected))
        for record in await district.records(run, outcome="Partial Sync"):
            problem = record["problems"][0]
            console.print(f"           Partial Sync: {problem['message']} {problem['fix']}")
    return told


async def _export(district: District, connection: str) -> Told:
    console.print(
        f"[bold]4[/] Cedar Ridge approves {REGISTERED:,} registrations, to be exported in two seconds by SFTP"
    )
    outbox = district.stack.sftp.folder / "export"
    outbox.mkdir(exist_ok=True)
    path = f"/sandbox/organizations/{district.org}/students"
    held = (await district.enroll.get(path, params={"limit": REGISTERED})).raise_for_status().json()["students"]
    await district.register([one["values"]["students.student_district_id"] for one in held])
    await district.map_export(connection, student_export())
    await district.api.patch(f"/connections/{connection}", json={"enable_export": True})
    run = await _triggered(district, connection, direction="export")
    told = await _follow(district, run, "nightly export", time.monotonic(), _expect(created=REGISTERED))
    for file in sorted(outbox.iterdir()):
        console.print(f"           {file.name}, {file.stat().st_size:,} bytes")
    return told


async def _runs(district: District) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await district.api.get("/runs")).json()
    return found


async def _follow(district: District, run: str, title: str, started: float, expected: dict[str, int]) -> Told:
    state = ""
    while state not in ENDED:
        found = await district.run(run)
        if found["state"] != state:
            state = found["state"]
            console.print(f"    {time.monotonic() - started:5.1f} s  {state}")
        await asyncio.sleep(0.05)
    return Told(title, state, found["counts"], time.monotonic() - started, expected)


def show(told: list[Told]) -> None:
    table = Table("run", "state", "created", "updated", "unchanged", "partial", "failed", "seconds", "as expected")
    for one in told:
        counts = one.counts
        failed = str(counts["failed"] + counts["invalid"])
        numbers = [*(str(counts[name]) for name in ("created", "updated", "unchanged", "partial")), failed]
        table.add_row(one.title, one.state, *numbers, f"{one.seconds:.1f}", "yes" if one.as_expected else "NO")
    console.print(table)


def where_to_look(stack: Stack) -> None:
    console.print(f"\nThe dashboard, from Enroll {stack.url('sandbox')}/sync-service", soft_wrap=True)
    console.print(f"The API and its page     {stack.url('gateway')}/docs", soft_wrap=True)
    console.print(f"What the simulated Enroll holds  {stack.url('sandbox')}/sandbox/organizations/cedar-ridge/students")
    rehearsed = f"{stack.url(REHEARSAL)}/sandbox/organizations/aspen-valley/students"
    console.print(f"What its sandbox holds, by Aspen Valley's connection Rehearsal  {rehearsed}", soft_wrap=True)
    for kind, sis in SISS.items():
        login = ", ".join(f"{WORDS[name]} {value}" for name, value in sis.login.items())
        address = f"{stack.url('sandbox')}/{kind}/{_org(kind)}"
        console.print(f"The simulated {LABELS[kind]}  {address}, {login}", soft_wrap=True, highlight=False)
    console.print(f"Logs, one file a process {stack.directory}", soft_wrap=True)
    console.print(
        f"To try the README's session: cd {stack.directory / 'files'} && . ./session\n"
        "(sets $api and $auth for the next hour; mapping.json and students.csv are there)",
        soft_wrap=True,
        highlight=False,
    )
    console.print("Ctrl-C ends all of it.")


@contextlib.asynccontextmanager
async def _interruptible() -> AsyncIterator[asyncio.Event]:
    """SIGINT and SIGTERM cancel the demo, so that everything started is taken down."""
    stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not stop.is_set() and task is not None:
            stop.set()
            task.cancel()

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, interrupt)
    yield stop


async def demo(once: bool) -> int:
    async with _interruptible() as stop:
        try:
            console.print("Starting RabbitMQ and a MongoDB server ...")
            async with LocalParts(durable=False) as parts:  # nothing of it outlives the demo
                console.print("Starting gateway, importer, exporter, scheduler and the simulated Enroll ...")
                settings = {"SYNC_SCHEDULE_POLL_SECONDS": "0.5"}
                async with Stack(parts.addresses, services=SERVICES, env=settings) as stack:
                    told = await story(stack)
                    show(told)
                    if not once:
                        where_to_look(stack)
                        await stop.wait()
                    return 0 if all(one.as_expected for one in told) else 1
        except asyncio.CancelledError:
            console.print("Stopped; nothing is left running.")
            return 0 if not once else 130
        except PartError as error:
            console.print(str(error), style="red", markup=False, highlight=False)
            return 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="end by itself; status 0 only if all is as expected")
    sys.exit(asyncio.run(demo(parser.parse_args().once)))


if __name__ == "__main__":
    main()
