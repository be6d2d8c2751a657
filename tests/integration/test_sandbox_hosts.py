"""The simulated SISs at a host of their own, for clients that take a host only, and by HTTPS."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
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


def self_signed(host: str, path: Path) -> Path:
    """A certificate with its private key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    made = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(made + key.private_bytes(pem, form, serialization.NoEncryption()))
    return path
