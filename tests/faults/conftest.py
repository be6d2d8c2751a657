"""What a fault test shares with the others of its module is a stack; an organization it has of its own."""

import secrets

import pytest


@pytest.fixture
def org() -> str:
    return f"o-{secrets.token_hex(5)}"
