"""Two Enrolls are never taken for one another."""

import pytest
from pydantic import ValidationError

from shared.adapters.enroll import enroll_client
from shared.adapters.enroll_sites import EnrollSites
from shared.model.errors import BadSettings
from shared.settings import Settings

PRODUCTION = "https://enroll.example.org"


async def test_a_site_that_is_not_there_is_never_replaced_by_the_other() -> None:
    sites = EnrollSites(enroll_client(PRODUCTION, "t"))
    assert sites.instances == ("production",)
    with pytest.raises(BadSettings) as caught:
        sites.client("sandbox")
    assert caught.value.code == "enroll.no_sandbox"
    await sites.aclose()


async def test_each_instance_has_its_own_address_and_token() -> None:
    sites = EnrollSites(enroll_client(PRODUCTION, "p"), enroll_client("https://sandbox.example.org", "s"))
    found = {name: sites.client(name) for name in sites.instances}
    assert {name: (str(one.base_url), one.headers["Authorization"]) for name, one in found.items()} == {
        "production": (PRODUCTION, "Bearer p"),
        "sandbox": ("https://sandbox.example.org", "Bearer s"),
    }
    await sites.aclose()


@pytest.mark.parametrize(
    "address", [PRODUCTION, f"{PRODUCTION}/", "https://ENROLL.example.org:443", "http://enroll.example.org:443/"]
)
def test_the_sandbox_cannot_be_production_under_another_spelling(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_ENROLL_URL", PRODUCTION)
    monkeypatch.setenv("SYNC_ENROLL_SANDBOX_URL", address)
    with pytest.raises(ValidationError, match="a sandbox would write into it"):
        Settings()


def test_another_path_of_one_host_is_another_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_ENROLL_URL", f"{PRODUCTION}/live")
    monkeypatch.setenv("SYNC_ENROLL_SANDBOX_URL", f"{PRODUCTION}/sandbox")
    assert Settings().enroll_sandbox_url
