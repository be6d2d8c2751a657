"""`make bench`: rates and memory as ratios inside one run, each beside its floor. Nothing here passes or fails.

The times of a run are wall clock from the first byte of the upload to the end of the run, as a person waits for it.
"""

import argparse
import asyncio
import csv
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from devtools.district import EXPORTER, YEAR, District
from devtools.parts import LocalParts
from devtools.stack import Stack
from services.sandbox.district import student_export, write_district
from shared.store.database import INDEXES
from tests.bench import approved, by_hand, floor, lists

MIB = 1024 * 1024
console = Console(width=110)


@dataclass(slots=True)
class Times:
    """Seconds, one entry a round."""

    first: list[float] = field(default_factory=list)
    first_floor: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    again_floor: list[float] = field(default_factory=list)


async def timed(district: District, connection: str, path: Path) -> tuple[dict[str, Any], float]:
    started = time.perf_counter()
    run = await district.upload(connection, path)
    ended = await district.watch(run["id"], seconds=3600)
    spent = time.perf_counter() - started
    if ended["state"] != "succeeded":
        raise RuntimeError(f"the run ended {ended['state']}: {ended['error']} {ended['reasons']}")
    return ended, spent


async def one_round(stack: Stack, path: Path, rows: int, number: int, times: Times) -> None:
    """First load and re-run through the system, then their floors on the same machine a moment later."""
    async with District(stack, f"bench-{number}") as district:
        connection = await district.ad_hoc()
        first, seconds = await timed(district, connection, path)
        assert first["counts"]["created"] == rows, first["counts"]
        times.first.append(seconds)
        written = (await district.stats())["batches"]
        again, seconds = await timed(district, connection, path)
        assert again["counts"]["unchanged"] == rows, again["counts"]
        assert (await district.stats())["batches"] == written, "the re-run wrote to Enroll"
        times.again.append(seconds)
        times.again_floor.append(await asyncio.to_thread(floor.parse_map_hash, path))
        times.first_floor.append(await first_floor(stack, district, path, first["id"]))


async def first_floor(stack: Stack, district: District, path: Path, run: str) -> float:
    with MongoClient[dict[str, Any]](stack.addresses.mongo_url) as client:
        documents = list(client[stack.mongo_database]["records"].find({"run": run}))
    bodies = list(floor.batches(path, YEAR))
    spec = {"current_school_year": YEAR, "sync_import_years": [YEAR]}
    (await district.enroll.put("/sandbox/organizations/floor", json=spec)).raise_for_status()
    parsing = await asyncio.to_thread(floor.parse, path)
    inserting = await asyncio.to_thread(
        floor.insert, stack.addresses.mongo_url, stack.mongo_database, documents, INDEXES["records"]
    )
    posting = await floor.post(stack.url("sandbox"), "floor", stack.enroll_token, bodies)
    (await district.enroll.delete("/sandbox/organizations/floor")).raise_for_status()
    return parsing + inserting + posting


def peak(pid: int) -> float:
    """The most memory the process has held, MiB (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def memory(parts: LocalParts, folder: Path, sizes: list[int]) -> list[tuple[int, float, float, float, float]]:
    """Rows; then peak in MiB and seconds of the importer for all of them, and of the exporter. A fresh stack each."""
    found = []
    for rows in sizes:
        path = folder / f"{rows}.csv"
        await asyncio.to_thread(write_district, path, rows)
        services = ("gateway", "importer", "exporter", "sandbox")
        async with (
            Stack(parts.addresses, services=services) as stack,
            District(stack, "memory", permissions=EXPORTER) as district,
        ):
            connection = await district.ad_hoc()
            _, seconds = await timed(district, connection, path)
            exporting = await exported(district, connection, path, rows)
            peaks = [peak(stack.process(name).pid) for name in ("importer", "exporter")]
            found.append((rows, peaks[0], seconds, peaks[1], exporting))
        path.unlink()
    return found


async def exported(district: District, connection: str, path: Path, rows: int) -> float:
    """Seconds that a file of everyone takes, from the request to the end of the run."""
    with path.open(encoding="utf-8", newline="") as file:
        await district.register([row["Student ID"] for row in csv.DictReader(file)])
    await district.map_export(connection, student_export())
    started = time.perf_counter()
    run = await district.watch((await district.export(connection))["id"], seconds=3600)
    assert (run["state"], run["files"][0]["rows"]) == ("succeeded", rows), run
    return time.perf_counter() - started


def report(rows: int, times: Times, importers: int) -> None:
    table = Table("what", "rows/s", "floor rows/s", "time / floor's time, median (min to max)", title=f"{rows:,} rows")
    for what, spent, base in (
        ("first load", times.first, times.first_floor),
        ("unchanged re-run", times.again, times.again_floor),
    ):
        ratios = [a / b for a, b in zip(spent, base, strict=True)]
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rates = [f"{rows / statistics.median(one):,.0f}" for one in (spent, base)]
        table.add_row(what, *rates, told)
    console.print(table)
    console.print(f"{len(times.first)} rounds, {importers} importer processes; reach: 3 for both")


def report_mapping() -> None:
    hand, compiled = by_hand.rates()
    console.print(
        f"mapping alone, 30 fields, 6 of them transformed: {compiled:,.0f} rows/s, "
        f"by hand {hand:,.0f} rows/s: {compiled / hand:.0%}; reach: 60 %"
    )


async def bench(arguments: argparse.Namespace) -> None:
    is_whole = not (arguments.only_approvals or arguments.only_lists)
    if is_whole:
        report_mapping()
    if not arguments.rounds:
        return
    if arguments.approvals and not arguments.only_lists:
        async with LocalParts() as parts:
            await approved.report(console, parts, arguments.approvals)
    if arguments.lists and not arguments.only_approvals:
        async with LocalParts() as parts:
            await lists.report(console, parts, arguments.lists)
    if is_whole:
        await transfers(arguments)


async def transfers(arguments: argparse.Namespace) -> None:
    """First load, unchanged re-run, and memory."""
    with TemporaryDirectory(prefix="sync-bench-") as directory:
        folder = Path(directory)
        path = folder / "district.csv"
        await asyncio.to_thread(write_district, path, arguments.rows)
        console.print(f"{path.stat().st_size / MIB:.1f} MiB, {arguments.rows:,} rows of 30 columns")
        async with LocalParts() as parts:
            importers = [f"importer-{n}" if n > 1 else "importer" for n in range(1, arguments.importers + 1)]
            async with Stack(parts.addresses, services=("gateway", *importers, "sandbox")) as stack:
                times = Times()
                for number in range(arguments.rounds):
                    await one_round(stack, path, arguments.rows, number, times)
                    console.print(f"round {number + 1} of {arguments.rounds} done")
            report(arguments.rows, times, arguments.importers)
            if arguments.memory:
                heads = ("rows", "importer's peak, MiB", "seconds", "exporter's peak, MiB", "seconds")
                table = Table(*heads, title="memory: first load with one importer, file of everyone with one exporter")
                for rows, *figures in await memory(parts, folder, arguments.memory):
                    table.add_row(f"{rows:,}", *(f"{one:.0f}" for one in figures))
                console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="0: the mapping alone")
    parser.add_argument("--approvals", type=int, default=100, help="registrations that are approved one by one")
    parser.add_argument("--only-approvals", action="store_true")
    parser.add_argument("--lists", type=int, default=20_000, help="records of the run whose pages are timed")
    parser.add_argument("--only-lists", action="store_true")
    parser.add_argument("--importers", type=int, default=1)
    parser.add_argument("--memory", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], metavar="ROWS")
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
