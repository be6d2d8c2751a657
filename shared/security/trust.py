"""Whom this machine trusts when it calls by https."""

import functools
import ssl

import httpx


@functools.cache
def trusted() -> ssl.SSLContext:
    """As httpx would have it, once for each process: reading the certificates takes 30 ms of processor time."""
    return httpx.create_ssl_context()
