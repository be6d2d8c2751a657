"""Which addresses a connection may reach."""

import pytest

from shared.model.errors import BadSettings
from shared.security.addresses import ensure_public

INSIDE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "169.254.169.254",
    "100.64.1.1",
    "224.0.0.1",
    "224.0.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "0.0.0.0",  # noqa: S104
    "192.0.2.1",
    "198.18.0.1",
    "168.63.129.16",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fec0::1",
    "ff0e::1",
    "::ffff:10.1.1.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "[::1]",
    "localhost",
    "LocalHost.",
    "sis.localhost",
    "0x7f.1",
    "2130706433",
]
OUTSIDE = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


@pytest.mark.parametrize("host", INSIDE)
async def test_addresses_inside_are_refused(host: str) -> None:
    with pytest.raises(BadSettings) as caught:
        await ensure_public(host, allow_private=False)
    assert caught.value.code == "address.private"


@pytest.mark.parametrize("host", OUTSIDE)
async def test_public_addresses_pass_as_they_are(host: str) -> None:
    assert await ensure_public(host, allow_private=False) == host


async def test_a_wrapped_public_address_passes() -> None:
    assert await ensure_public("::ffff:8.8.8.8", allow_private=False)


async def test_private_addresses_pass_where_allowed() -> None:
    assert await ensure_public("127.0.0.1", allow_private=True) == "127.0.0.1"
    assert await ensure_public("localhost", allow_private=True) in ("127.0.0.1", "::1")
    assert await ensure_public("[::1]", allow_private=True) == "::1"


@pytest.mark.parametrize("host", ["no such host", "a" * 70 + ".example", "..", ""])
async def test_hosts_that_do_not_exist(host: str) -> None:
    with pytest.raises(BadSettings) as caught:
        await ensure_public(host, allow_private=True)
    assert caught.value.code == "address.unknown"
