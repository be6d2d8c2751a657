"""The floors: the same work with nothing around it, in one plain process."""

import asyncio
import csv
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import orjson
from pymongo import IndexModel, MongoClient, WriteConcern

from services.sandbox.district import student_mapping
from shared.mapping.compiled import CompiledMapping, compile_mapping
from shared.model.catalog import catalog
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from shared.security.trust import trusted

MOMENT = Moment(date(2026, 9, 1), 2026)
BATCH = 500
INSERT = 1000
POSTS_AT_ONCE = 4


def compiled_for(path: Path) -> CompiledMapping:
    with path.open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    return compile_mapping(MappingDraft.model_validate(student_mapping()), catalog("students"), columns, MOMENT)


def parse(path: Path) -> float:
    """Seconds to parse the CSV."""
    started = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - started


def parse_map_hash(path: Path) -> float:
    """Seconds to parse, map and hash in one plain loop: the floor of the re-run."""
    compiled = compiled_for(path)
    record, digest = compiled.record, compiled.digest
    started = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            out, _ = record(row)
            if out is not None:
                digest(out)
    return time.perf_counter() - started


def batches(path: Path, school_year: int) -> Iterator[bytes]:
    """The bodies of the upserts a first load sends."""
    compiled = compiled_for(path)
    common = {"school_year": school_year, "match_key": compiled.match_key, "connection": "floor", "sequence": 1}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        while part := list(islice(rows, BATCH)):
            records = [
                {"key": compiled.key(row), "id": None, "values": compiled.values(out)}
                for row in part
                if (out := compiled.record(row)[0]) is not None
            ]
            yield orjson.dumps({**common, "records": records})


def insert(mongo_url: str, database: str, documents: Sequence[dict[str, Any]], indexes: Iterable[IndexModel]) -> float:
    """Seconds to insert the documents with insert_many, with the same index and write concern."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        place = client[database].get_collection("floor", write_concern=WriteConcern("majority", j=True))
        place.create_indexes(list(indexes))
        started = time.perf_counter()
        for at in range(0, len(documents), INSERT):
            place.insert_many(documents[at : at + INSERT], ordered=False)
        spent = time.perf_counter() - started
        place.drop()
    return spent


async def post(url: str, org: str, token: str, bodies: Sequence[bytes]) -> float:
    """Seconds to post the batches, four at once."""
    gate = asyncio.Semaphore(POSTS_AT_ONCE)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False, verify=trusted()) as http:

        async def send(number: int, body: bytes) -> None:
            async with gate:
                path = f"/api/v1/organizations/{org}/students:batch-upsert"
                answer = await http.post(path, content=body, headers={"Idempotency-Key": f"floor/{number}"})
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(send(number, body) for number, body in enumerate(bodies)))
        return time.perf_counter() - started
