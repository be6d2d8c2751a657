"""Facts by id, while a source is put together from several places."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


class DiskIndex:
    """What is said about ids, on disk, so that memory stays flat. Blocking; one thread at a time."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory) as folder:  # nothing stays behind, whatever happens to us
            self._db = sqlite3.connect(Path(folder) / "roster", check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=OFF")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute("CREATE TABLE said (kind TEXT, id TEXT, said TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")

    def add(self, kind: str, facts: Iterator[tuple[str, Sequence[str]]]) -> None:
        """What is said first about an id counts."""
        rows = ((kind, id, json.dumps(said)) for id, said in facts)
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO said VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def put(self, kind: str, id: str, said: Sequence[Any]) -> None:
        """In place of what was said before."""
        self._db.execute("INSERT OR REPLACE INTO said VALUES (?, ?, ?)", (kind, id, json.dumps(said)))

    def get(self, kind: str, id: str) -> list[Any] | None:
        found = self._db.execute("SELECT said FROM said WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return json.loads(found[0]) if found else None

    def close(self) -> None:
        self._db.close()
