"""Errors people may see.

    SyncError
    ├── Transient             the same work may succeed later
    │   ├── Unavailable       an outside system does not answer, or answers that it is broken
    │   └── Throttled         an outside system asks us to slow down; says when to come back
    └── Permanent             the same work will fail again until somebody changes something
        ├── BadInput          the file cannot be read as it is
        ├── BadMapping        the mapping cannot be used, with this file or at all
        ├── BadSettings       the connection is not set up right: address, credentials, host key, folder
        ├── Refused           permission, switch or rule forbids it
        ├── NotFound          no such thing in this organization
        └── Conflict          the thing is not in a state that allows it
            └── Outdated      it was changed since what is to be laid over it was read

A message never holds a value from a row, a name, a birth date or a secret: it may be logged and shown to anyone who
may see the run. What went wrong with one row is a `shared.model.record.Problem`, which is data, not an exception.
"""


class SyncError(Exception):
    """`code` is stable and machine-readable, `message` says what happened, `fix` what to do about it."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fix = fix

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "fix": self.fix}


class Transient(SyncError):
    pass


class Unavailable(Transient):
    pass


class Throttled(Transient):
    """`retry_after` is in seconds."""

    def __init__(self, code: str, message: str, fix: str = "", *, retry_after: float = 0) -> None:
        super().__init__(code, message, fix)
        self.retry_after = retry_after


class Permanent(SyncError):
    pass


class BadInput(Permanent):
    pass


class BadMapping(Permanent):
    pass


class BadSettings(Permanent):
    pass


class Refused(Permanent):
    pass


class NotFound(Permanent):
    pass


class Conflict(Permanent):
    pass


class Outdated(Conflict):
    pass
