"""Where something is reached: host names and web addresses, as people give them."""

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field


def _http_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("Use a web address such as https://sis.example.org/api, without a login in it.")
    return address.rstrip("/")


_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_host(host: str) -> bool:
    """Whether it is written as a host name, in any script, or as an IP address."""
    with suppress(ValueError):
        return bool(ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host))
    try:
        labels = host.removesuffix(".").encode("idna").decode().split(".")
    except UnicodeError:
        return False
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def _host_name(host: str) -> str:
    if not is_host(host):
        raise ValueError("Use a host name such as sftp.district.org, or an IP address, and nothing else.")
    return host


NewHost = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_host_name)]
"""A host as it may be given today; what was kept before that was asked is still read."""


def _address_of_a_host(address: str) -> str:
    try:
        parts = urlsplit(address)
        is_good = is_host(parts.hostname or "") and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("Use a web address with a host name in it, such as https://sis.example.org/api.")
    return address


HttpAddress = Annotated[str, Field(max_length=500), AfterValidator(_http_address)]
NewHttpAddress = Annotated[HttpAddress, AfterValidator(_address_of_a_host)]
