"""Which addresses connections may reach: none inside the deployment's own network, unless it allows them."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from shared.model.error_texts import said
from shared.model.errors import BadSettings, Unavailable

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 6761: localhost and all names below it are the loopback address, whatever a name service says.
_LOOPBACK = IPv4Address("127.0.0.1")
_AZURE_PLATFORM = IPv4Address("168.63.129.16")


async def ensure_public(host: str, allow_private: bool) -> str:
    """The address to connect to instead of `host`, so that a second look-up cannot give another one.

    Refused if any address of the host is private, loopback, link-local, multicast or reserved, or wraps such a one.

    Raises:
        BadSettings: address.private, or address.unknown if there is no such host.
        Unavailable: address.unresolved, the name service does not answer.
    """
    addresses = await _resolve(host)
    if not allow_private and not all(map(is_public, addresses)):
        raise BadSettings(*said("address.private", host=host))
    return str(addresses[0])


def is_public(address: Address) -> bool:
    return all(
        each.is_global and not each.is_multicast and not each.is_reserved and each != _AZURE_PLATFORM
        for each in _unwrapped(address)
    )


def _unwrapped(address: Address) -> Iterator[Address]:
    if not isinstance(address, IPv6Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
        return
    yield IPv6Address(1) if address.is_site_local else address
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo


async def _resolve(host: str) -> list[Address]:
    try:
        return [ip_address(host.strip("[]"))]
    except ValueError:
        pass
    if host.lower().rstrip(".").rpartition(".")[2] == "localhost":
        return [_LOOPBACK]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ip_address(sockaddr[0]) for *_, sockaddr in found]
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Unavailable(*said("address.unresolved", host=host)) from error
        raise _unknown(host) from error
    except (OSError, ValueError) as error:
        raise _unknown(host) from error


def _unknown(host: str) -> BadSettings:
    return BadSettings(*said("address.unknown", host=host))
