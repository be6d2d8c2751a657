"""Try docker-compose.yml: build it, start it, import one file from its SFTP server, and take all of it away again.

Needs Docker and `docker compose` (or `docker-compose`). Nothing of it touches your own containers, volumes or `.env`.
SYNC_STANDINS may name a program that makes local images where none can be pulled; it gets `--from FILE...`.
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import httpx

from services.sandbox.district import student_mapping, write_district

ROOT = Path(__file__).resolve().parents[1]
STANDINS = "SYNC_STANDINS"
IMAGE_FILES = ("docker-compose.yml", "Dockerfile", "docker/sftp/Dockerfile")
OURS = ("gateway", "importer", "exporter", "scheduler", "sandbox")
BUILD_SECONDS = 1200
HEALTHY_SECONDS = 300
RUN_SECONDS = 120
ROWS = 500
ORG, USER, YEAR = "o-1", "u-1", 2026
OWN_VARIABLES = ("SYNC_", "SANDBOX_", "SFTP_", "RABBITMQ_", "MONGO_", "GATEWAY_", "COMPOSE_")

# Run inside the gateway's container: nothing but the gateway can be reached from outside.
ASK_SANDBOX = """
import json, sys, httpx
method, path, body = json.loads(sys.argv[1])
answer = httpx.request(method, "http://sandbox:8080" + path, json=body, trust_env=False)
print(answer.raise_for_status().text)
"""
PUT_FILE = """
import asyncio, asyncssh, os, sys
user, password = os.environ["TRY_USER"], os.environ["TRY_PASSWORD"]
async def main():
    keys = asyncssh.import_known_hosts("sftp " + sys.argv[1])
    async with asyncssh.connect("sftp", username=user, password=password, known_hosts=keys, config=None) as ssh:
        async with ssh.start_sftp_client() as sftp:
            async with sftp.open("import/students.part", "wb") as file:
                await file.write(sys.stdin.buffer.read())
            await sftp.rename("import/students.part", "import/students.csv")
asyncio.run(main())
"""


class TrialError(Exception):
    """Something is not as it should be."""


class Trial:
    """One project of its own: random name, random secrets, own image name."""

    def __init__(self, compose: Sequence[str], directory: Path) -> None:
        self.project = f"sync-try-{secrets.token_hex(4)}"
        self.image = f"{self.project}-image"
        self.sftp_password = secrets.token_hex(24)
        self._env_file = directory / "env"
        self._env_file.touch(0o600)
        self._env_file.write_text("".join(f"{name}={value}\n" for name, value in self._values().items()))
        self._compose = [*compose, "--env-file", str(self._env_file), "-p", self.project]

    def _values(self) -> Mapping[str, str]:
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return {
            "COMPOSE_PROFILES": "sandbox",
            "GATEWAY_PORT": "0",
            "SANDBOX_PORT": "0",
            "MONGO_PASSWORD": secrets.token_hex(24),
            "RABBITMQ_PASSWORD": secrets.token_hex(24),
            "SFTP_PASSWORD": self.sftp_password,
            "SYNC_ALLOW_PRIVATE_ADDRESSES": "true",
            "SYNC_ENROLL_TOKEN": secrets.token_hex(24),
            "SYNC_ENROLL_URL": "http://sandbox:8080",
            "SYNC_IMAGE": self.image,
            "SYNC_SECRET_KEYS": f"'{json.dumps([key])}'",
        }

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        return call([*self._compose, *arguments], seconds=seconds)

    def inside(self, program: str, *arguments: str, env: Mapping[str, str] | None = None, data: bytes = b"") -> str:
        """Run a Python program in the gateway's container."""
        passed = [part for name in env or {} for part in ("-e", name)]
        command = ["docker", "exec", "-i", *passed, self.container("gateway"), "python", "-c", program, *arguments]
        return call(command, env=env, data=data)

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.inside(ASK_SANDBOX, json.dumps([method, path, body])))

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).strip()

    def states(self) -> dict[str, dict[str, Any]]:
        """What Docker says of each service's container."""
        if not (ids := listed(self.project, "ps", "-aq")):
            return {}
        found = json.loads(call(["docker", "inspect", *ids]))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


def call(
    command: Sequence[str], *, seconds: float = 120, env: Mapping[str, str] | None = None, data: bytes = b""
) -> str:
    """Its output; a failure comes with the end of what it said."""
    # What is set here would win over the file of the trial.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**inherited, **(env or {})}, input=data, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise TrialError(f"{shown(command)}: still not done after {seconds} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
        raise TrialError(f"{shown(command)}: exit status {done.returncode}\n{said}")
    return done.stdout.decode(errors="replace")


def shown(command: Sequence[str]) -> str:
    return " ".join(part if "\n" not in part else "..." for part in command)


def listed(project: str, *command: str) -> list[str]:
    return call(["docker", *command, "--filter", f"label=com.docker.compose.project={project}"]).split()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def find_compose() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True).returncode:
            return command
    raise TrialError("Neither `docker compose` nor `docker-compose` is installed.")


def make_standins() -> None:
    if program := os.environ.get(STANDINS):
        say(f"making stand-ins for the images with {program}")
        call([program, "--from", *IMAGE_FILES], seconds=BUILD_SECONDS)


def refuses_without_secrets(compose: Sequence[str]) -> None:
    """`.env.example` as it is must not start anything."""
    try:
        call([*compose, "--env-file", str(ROOT / ".env.example"), "config"])
    except TrialError as error:
        if "in .env" in str(error):
            return
        raise
    raise TrialError("docker-compose.yml accepts an empty .env")


def wait_healthy(trial: Trial) -> None:
    expected = set(trial.compose("config", "--services").split())
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        states = trial.states()
        health = {name: one["State"].get("Health", {}).get("Status", "no check") for name, one in states.items()}
        if expected <= {name for name, state in health.items() if state == "healthy"}:
            return
        bad = [name for name, one in states.items() if one["State"]["Status"] == "exited" or one["RestartCount"]]
        bad += [name for name, state in health.items() if state in ("unhealthy", "no check")]
        if bad or time.monotonic() >= deadline:
            raise TrialError(f"not healthy: {health}, {bad}")
        time.sleep(1)


def only_the_gateway_is_published(trial: Trial) -> None:
    for name, one in trial.states().items():
        bindings = [where for found in one["NetworkSettings"]["Ports"].values() for where in found or ()]
        if {where["HostIp"] for where in bindings} != ({"127.0.0.1"} if name == "gateway" else set()):
            raise TrialError(f"{name} is published: {bindings}")


def import_one_file(trial: Trial, directory: Path) -> None:
    """A district's day: connection, host key approved, file on the server, import, file archived."""
    spec = {"sync_import_years": [YEAR], "users": {USER: ["Sync Service Full Access"]}}
    trial.sandbox("PUT", f"/sandbox/organizations/{ORG}", spec)
    token = trial.sandbox("POST", "/sandbox/tokens", {"org": ORG, "user": USER})["token"]
    address = trial.compose("port", "gateway", "8080").strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"http://{address}/api/v1", headers=headers, timeout=60, trust_env=False) as api:
        connection = connect(api, trial.sftp_password)
        say(f"connection {connection['id']} made, host key {connection['sftp']['host_key'][:40]}... approved")
        path = directory / "students.csv"
        write_district(path, ROWS)
        env = {"TRY_USER": connection["sftp"]["user"], "TRY_PASSWORD": trial.sftp_password}
        trial.inside(PUT_FILE, connection["sftp"]["host_key"], env=env, data=path.read_bytes())
        say(f"file with {ROWS} students sent by SFTP")
        base = f"/connections/{connection['id']}"
        started = ask(api, "POST", f"{base}/imports/students/pull", params={"school_year": YEAR})
        counts = watch(api, started["id"])
        say(f"run {started['id']} succeeded: {counts}")
        expected = {"rows": ROWS, "create": ROWS, "created": ROWS, "invalid": 0, "failed": 0}
        if any(counts.get(name, 0) != value for name, value in expected.items()):
            raise TrialError(f"the counts should be {expected}")
        if left := ask(api, "POST", f"{base}/test")["matching_files"]:
            raise TrialError(f"{left} files are still in the import folder")
    stats = trial.sandbox("GET", f"/sandbox/organizations/{ORG}/stats")
    if stats["students"] != ROWS:
        raise TrialError(f"Enroll should have {ROWS} students: {stats}")
    say(f"Enroll has {stats['students']} students, the file is archived")


def connect(api: httpx.Client, password: str) -> dict[str, Any]:
    sftp = {"host": "sftp", "user": "district", "settle_seconds": 0.5}
    body = {"name": "Nightly", "kind": "sftp", "sftp": sftp, "secrets": {"password": password}}
    base = f"/connections/{ask(api, 'POST', '/connections', json=body)['id']}"
    probed = ask(api, "POST", f"{base}/host-key/probe")
    approved: dict[str, Any] = ask(api, "PUT", f"{base}/host-key", json={"host_key": probed["host_key"]})
    ask(api, "PUT", f"{base}/mappings/students", json=student_mapping())
    return approved


def watch(api: httpx.Client, run: str) -> dict[str, int]:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        found = ask(api, "GET", f"/runs/{run}")
        if found["state"] == "succeeded":
            return {name: count for name, count in found["counts"].items() if count}
        if found["state"] in ("partial", "failed", "cancelled", "needs_approval") or time.monotonic() >= deadline:
            raise TrialError(f"the run did not succeed: {json.dumps(found, indent=1)}")
        time.sleep(0.2)


def ask(api: httpx.Client, method: str, path: str, **more: Any) -> Any:
    answer = api.request(method, path, **more)
    if answer.is_error:
        raise TrialError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
    return answer.json()


def stops_in_good_order(trial: Trial) -> None:
    began = time.monotonic()
    trial.compose("stop", *OURS)
    states = {name: one["State"]["ExitCode"] for name, one in trial.states().items() if name in OURS}
    if any(states.values()):
        raise TrialError(f"not stopped in good order, exit status: {states}")
    say(f"the services stopped in good order in {time.monotonic() - began:.0f} s")


def clean_up(trial: Trial) -> None:
    """Remove all of it, and look whether anything is left."""
    trial.compose("down", "-v", "--rmi", "local", "--remove-orphans", seconds=300)
    if call(["docker", "images", "-q", trial.image]).strip():
        call(["docker", "rmi", trial.image])
    kinds = {
        "containers": listed(trial.project, "ps", "-aq"),
        "volumes": listed(trial.project, "volume", "ls", "-q"),
        "networks": listed(trial.project, "network", "ls", "-q"),
        "images": call(["docker", "images", "-q", "--filter", f"reference={trial.project}*"]).split(),
    }
    if left := {kind: ids for kind, ids in kinds.items() if ids}:
        raise TrialError(f"left behind: {left}")
    say("removed; nothing is left")


def attempt(trial: Trial, directory: Path) -> None:
    say(f"building, project {trial.project}")
    trial.compose("build", seconds=BUILD_SECONDS)
    size = int(call(["docker", "image", "inspect", "-f", "{{.Size}}", trial.image]))
    say(f"image of {size / 1e6:.0f} MB built; starting")
    trial.compose("up", "-d", seconds=BUILD_SECONDS)  # it may have to fetch images
    wait_healthy(trial)
    say(f"all healthy: {', '.join(sorted(trial.states()))}")
    only_the_gateway_is_published(trial)
    import_one_file(trial, directory)
    stops_in_good_order(trial)


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def tried(trial: Trial, directory: Path) -> None:
    try:
        attempt(trial, directory)
    except TrialError as error:
        say(f"FAILED: {error}")
        with contextlib.suppress(TrialError):
            print(trial.compose("logs", "--no-color", "--tail", "25"), file=sys.stderr)
        raise
    finally:
        clean_up(trial)


def main() -> int:
    signal.signal(signal.SIGTERM, leave)
    try:
        compose = find_compose()
        make_standins()
        say(f"using `{' '.join(compose)}`")
        with tempfile.TemporaryDirectory(prefix="sync-try-") as name:
            refuses_without_secrets(compose)
            say("it refuses to start without secrets")
            tried(Trial(compose, Path(name)), Path(name))
    except TrialError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("docker-compose.yml works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
