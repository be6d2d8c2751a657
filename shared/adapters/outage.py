"""Why a server cannot be talked to, in words for people who are no programmers."""

import errno
import ssl
from collections.abc import Iterator
from typing import Final

import httpx

from shared.model.error_texts import said

NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


def outage(host: str, error: BaseException) -> tuple[str, str, str]:
    """Code, message and fix: what a library raised, or what lies behind that, tells which they are."""
    behind = tuple(_behind(error))
    for one in behind:
        if isinstance(one, ssl.SSLCertVerificationError):
            return said("host.certificate", host=host, why=one.verify_message.rstrip("."))
    if any(isinstance(one, ssl.SSLError) for one in behind):
        return said("host.no_tls", host=host)
    if any(isinstance(one, ConnectionRefusedError) for one in behind):
        return said("host.refused", host=host)
    if any(isinstance(one, OSError) and one.errno in NO_WAY for one in behind):
        return said("host.unreachable", host=host)
    if any(isinstance(one, TimeoutError | httpx.TimeoutException) for one in behind):
        return said("host.silent", host=host)
    return said("host.cut", host=host)


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
