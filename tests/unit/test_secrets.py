"""Credentials at rest."""

import pytest
from cryptography.fernet import Fernet

from shared.model.errors import BadSettings
from shared.security.secrets import SecretBox

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def test_round_trip_and_nothing_shows() -> None:
    sealed = SecretBox([OLD]).seal("s3cret ü")
    assert b"s3cret" not in sealed
    assert SecretBox([OLD]).open(sealed) == "s3cret ü"


def test_rotation() -> None:
    sealed = SecretBox([OLD]).seal("s3cret")
    both = SecretBox([NEW, OLD])
    assert both.open(sealed) == "s3cret"
    again = both.reseal(sealed)
    assert SecretBox([NEW]).open(again) == "s3cret"
    with pytest.raises(BadSettings):
        SecretBox([OLD]).open(again)


def test_a_wrong_key_says_what_to_do_and_shows_nothing() -> None:
    sealed = SecretBox([OLD]).seal("s3cret")
    for attempt in (SecretBox([OTHER]).open, SecretBox([OTHER]).reseal):
        with pytest.raises(BadSettings) as caught:
            attempt(sealed)
        assert caught.value.code == "secrets.unreadable"
        assert OTHER not in str(caught.value)
        assert "SYNC_SECRET_KEYS" in caught.value.fix
    with pytest.raises(BadSettings):
        SecretBox([OLD]).open(b"broken" + sealed)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "secrets.no_key"),
        (["short"], "secrets.bad_key"),
        ([OLD, ""], "secrets.bad_key"),
        (["ü"], "secrets.bad_key"),
    ],
)
def test_no_key_or_a_bad_one(keys: list[str], code: str) -> None:
    with pytest.raises(BadSettings) as caught:
        SecretBox(keys)
    assert caught.value.code == code
    assert all(key not in str(caught.value) for key in keys if key)
