"""A private RabbitMQ node: own name, ports, data, cookie and epmd, as whoever we are, listening on 127.0.0.1 only."""

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from devtools import apt, unpacked
from devtools.parts.child import Child
from devtools.parts.errors import ProgramMissing
from devtools.parts.install import get_rabbitmq
from devtools.parts.part import ProcessPart
from devtools.parts.ports import HOST, free_port
from devtools.parts.probe import amqp_answers

WRAPPER = "rabbitmq-script-wrapper"  # Debian's: it changes to the user rabbitmq
USUAL_PLACES = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/rabbitmq/sbin"))
# RabbitMQ writes a new quorum queue into its directory up to half a second after it said the queue is declared. Killed
# before that, it never serves the queue again: whoever kills a broker lets new queues settle first.
QUEUE_SETTLE_SECONDS = 1.0
CONFIGURATION = """\
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
raft.wal_max_size_bytes = 67108864
"""
# Erlang's threads spin for a while before they sleep: time that others on the machine could use.
NO_BUSY_WAITING = "+sbwt none +sbwtdcpu none +sbwtdio none"
# Erlang asks no file and no resolver for the node's own host: a bare root directory has no /etc/hosts.
NAMES = """\
{host, {127,0,0,1}, ["localhost"]}.
{lookup, [file, native]}.
"""


class RabbitPart(ProcessPart):
    """`search`: directories to look for rabbitmq-server in, instead of the usual ones.

    `install`: whether to get it from Debian's packages when it is missing.
    """

    name = "rabbitmq"

    def __init__(
        self,
        *,
        search: Sequence[Path] | None = None,
        install: bool = True,
        choose_port: Callable[[], int] = free_port,
    ) -> None:
        super().__init__()
        self._search = search
        self._install = install
        self._choose = choose_port
        self._amqp = self._distribution = self._epmd = 0
        self._node = f"sync{secrets.token_hex(4)}@localhost"
        self._program: Path | None = None
        self._epmd_child: Child | None = None
        self._server: Child | None = None

    @property
    def address(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self._amqp}/"

    def _choose_ports(self) -> None:
        self._amqp, self._distribution, self._epmd = (self._choose() for _ in range(3))

    def _ports(self) -> list[int]:
        return [self._amqp, self._distribution, self._epmd]

    def _launch(self) -> None:
        unpacked.use()
        if self._program is None:
            with apt.one_at_a_time():  # its program is there before all that it needs is
                self._program = find_rabbitmq(self._search)
        if self._program is None:
            get_rabbitmq(allowed=self._install)
            self._program = find_rabbitmq(None)
        epmd = find_epmd()
        if self._program is None or epmd is None:
            raise ProgramMissing("rabbitmq-server or epmd is missing even after it was installed")
        directory = self.directory.path
        env = self._environment(directory)
        if self._epmd_child is None or not self._epmd_child.running:
            # In the foreground and before the node, which would otherwise start one that outlives us all.
            command = [epmd, "-port", str(self._epmd), "-address", HOST]
            self._epmd_child = Child("epmd", command, env=env, log=directory / "epmd.log", cwd=directory)
            self._epmd_child.start()
        self._server = Child("rabbitmq-server", [str(self._program)], env=env, log=directory / "log", cwd=directory)
        self._server.start()

    def _environment(self, directory: Path) -> dict[str, str]:
        home = directory / "home"
        home.mkdir(exist_ok=True)
        (directory / "rabbitmq.conf").write_text(CONFIGURATION)
        (directory / "enabled_plugins").write_text("[].\n")
        (directory / "env.conf").touch()
        (directory / "inetrc").write_text(NAMES)
        return {
            **unpacked.environment(),
            "PATH": f"{os.environ.get('PATH', '')}:{os.defpath}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_INETRC": str(directory / "inetrc"),
            # Makes the script exec Erlang, so that our child is the node itself and not a shell.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self._amqp),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} " + NO_BUSY_WAITING,
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(directory / "generated"),
        }

    def _children(self) -> list[Child]:
        return [child for child in (self._epmd_child, self._server) if child is not None]

    def _answers(self) -> None:
        amqp_answers(self.address)


def find_rabbitmq(search: Sequence[Path] | None) -> Path | None:
    """The real rabbitmq-server script, not Debian's wrapper."""
    for directory in usual_search() if search is None else search:
        found = shutil.which("rabbitmq-server", path=str(directory))
        if found is None:
            continue
        program = Path(found).resolve()
        if program.name == WRAPPER:
            program = program.with_name("rabbitmq-server")
        if program.exists():
            return program
    return None


def usual_search() -> list[Path]:
    home = os.environ.get("RABBITMQ_HOME")
    own = [Path(home, "sbin"), Path(home, "bin")] if home else []
    on_path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    return [*own, *USUAL_PLACES, *on_path]


def find_epmd() -> str | None:
    if found := shutil.which("epmd"):
        return found
    erl = shutil.which("erl")
    roots = [Path("/usr/lib/erlang"), *([Path(erl).resolve().parents[1]] if erl else [])]
    return next((str(path) for root in roots for path in root.glob("erts-*/bin/epmd")), None)
