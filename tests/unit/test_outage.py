"""Why a server cannot be talked to: what lies behind an error decides what a person is told."""

import errno
import ssl
from collections.abc import Sequence
from itertools import pairwise

import httpx
import pytest

from shared.adapters.outage import outage


def raised(*chain: BaseException) -> BaseException:
    """The first one, which came of the second, and so on, as libraries wrap them."""
    for outer, inner in pairwise(chain):
        outer.__cause__ = inner
    return chain[0]


def certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired."
    return error


def wrapped() -> httpx.ConnectError:
    return httpx.ConnectError("All connection attempts failed")


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        ([wrapped(), ConnectionRefusedError(errno.ECONNREFUSED, "refused")], "host.refused"),
        ([wrapped(), OSError(errno.EHOSTUNREACH, "no route to host")], "host.unreachable"),
        ([wrapped(), OSError(errno.ENETUNREACH, "network is unreachable")], "host.unreachable"),
        ([wrapped(), OSError("several"), OSError(errno.EHOSTDOWN, "down")], "host.unreachable"),
        ([httpx.ConnectTimeout("")], "host.silent"),
        ([wrapped(), TimeoutError()], "host.silent"),
        ([wrapped(), ssl.SSLError(1, "wrong version number")], "host.no_tls"),
        ([wrapped(), ssl.SSLError(1, "handshake"), certificate()], "host.certificate"),
        ([httpx.RemoteProtocolError("Server disconnected")], "host.cut"),
        ([OSError(errno.EPIPE, "broken pipe")], "host.cut"),
    ],
)
def test_what_lies_behind_decides(chain: Sequence[BaseException], code: str) -> None:
    found, message, fix = outage("sis.example.org", raised(*chain))

    assert found == code
    assert "sis.example.org" in message
    assert fix
    assert not any(str(one) and str(one) in message + fix for one in chain), "what a library says is no help to people"


def test_what_is_wrong_with_a_certificate_is_told_once() -> None:
    _, message, fix = outage("sis.example.org", certificate())

    assert "certificate has expired" in message + fix
    assert ".." not in message + fix
