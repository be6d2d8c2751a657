"""The simulated SISs at a host of their own, for clients that take a host only, and by HTTPS."""

import ssl
from pathlib import Path

import httpx
import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from tests.integration.certificates import self_signed
from tests.integration.test_sandbox_sis_clients import http as http
from tests.integration.test_sandbox_sis_clients import told


@pytest.mark.parametrize(
    ("kind", "login", "path"),
    [
        ("powerschool", "/oauth/access_token", "/ws/v1/district/school"),
        ("aeries", "", "/aeries/api/v5/schools"),
        ("aeries", "", "/admin/api/v5/schools/"),
        ("aeries", "", "/api/v5/schools"),
        ("skyward", "/MesaStuAPI/oauth/token", "/MesaStuAPI/Generic/1/Student/Student/1/5"),
        ("skyward", "/oauth/token", "/Generic/1/Student/Student/1/5"),
        ("oneroster", "/token", "/ims/oneroster/v1p1/users?limit=5"),
    ],
)
async def test_a_client_that_takes_a_host_only_finds_its_sis_at_the_root(
    http: httpx.AsyncClient, kind: str, login: str, path: str
) -> None:
    (await http.put(f"/sandbox/{kind}/d", json={})).raise_for_status()
    host = {"Host": f"d.{kind}.localhost:{http.base_url.port}", "AERIES-CERT": "secret"}
    if login:
        form = {"grant_type": "client_credentials"}
        answer = await http.post(login, data=form, auth=("client", "secret"), headers=host)
        host["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
    answer = await http.get(path, headers=host)
    assert answer.raise_for_status().json()
    if following := answer.links.get("next"):
        url = httpx.URL(following["url"])
        assert (url.host, url.path) == ("d.oneroster.localhost", "/ims/oneroster/v1p1/users")
        assert (await told(http, "GET", str(url.raw_path, "ascii"), headers=host))["users"]
    assert (await http.get(path, headers={**host, "Host": f"d.{kind}.localhost.example"})).status_code == 404


async def test_a_client_that_knows_only_https_is_answered(tmp_path: Path) -> None:
    certificate = self_signed("*.powerschool.localhost", tmp_path / "sandbox.pem")
    trust = ssl.create_default_context(cafile=certificate)
    async with (
        serving(create_app(World("token")), bind("127.0.0.1", 0), certificate) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=trust) as client,
    ):
        name = {"sni_hostname": "d.powerschool.localhost"}
        host = {"Host": "d.powerschool.localhost"}
        assert (await client.put("/sandbox/powerschool/d", json={}, extensions=name)).is_success
        assert (await client.get("/ws/v1/time", headers=host, extensions=name)).json()["time"]
