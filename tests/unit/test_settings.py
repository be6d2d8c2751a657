"""Settings: each is described, and read from the environment."""

import pytest
from pydantic import ValidationError

from shared.settings import Settings


def test_every_option_is_described_in_one_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", ").")), name
        assert not field.is_required(), name


def test_options_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_RETRY_DELAYS", "[30, 5, 0.5]")
    monkeypatch.setenv("SYNC_SECRET_KEYS", '["a", "b"]')
    monkeypatch.setenv("SYNC_BROKER_PREFIX", "p.")
    read = Settings()
    assert read.secret_keys == ("a", "b")
    assert read.topology().retry_delays == (0.5, 5, 30)
    assert read.topology().work.startswith("p.")


@pytest.mark.parametrize("name", ["SYNC_SLICE_ROWS", "SYNC_WINDOW", "SYNC_LEASE_SECONDS", "SYNC_INTERACTIVE_HANDS"])
def test_nonsense_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "0")
    with pytest.raises(ValidationError):
        Settings()
