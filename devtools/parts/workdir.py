"""Temporary directories that do not pile up: those of processes that were killed are removed by the next one."""

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

PREFIX = "sync-parts-"


class WorkDir:
    """A directory held by a lock on a file in it. Who can take the lock knows that the owner is dead."""

    def __init__(self, name: str) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}-"))
        # Locked before it gets its name: nobody ever sees our lock file unlocked while we live.
        unnamed = self.path / "lock.new"
        self._lock = unnamed.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / "lock")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep() -> None:
    """Remove the directories of dead owners."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with contextlib.suppress(OSError), path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
