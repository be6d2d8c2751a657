"""An SFTP session with a server whose host key a person has approved."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import asyncssh

from shared.adapters.outage import outage
from shared.model.error_texts import said
from shared.model.errors import BadSettings, Unavailable
from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets
from shared.security.addresses import ensure_public

CONNECT_SECONDS = 30.0
GREETING_SECONDS = 8.0
"""An SSH server speaks first, and at once."""
_KEEPALIVE_SECONDS = 15
_CUT = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
_SSH_AUTH = ("publickey", "password", "keyboard-interactive")

asyncssh.set_log_level("WARNING")


async def host_key(host: str, port: int, allow_private_addresses: bool) -> tuple[str, str]:
    """What the server shows, for a person to approve: OpenSSH public key line, SHA256 fingerprint.

    Raises:
        BadSettings: there is no such host, or it may not be reached.
        Unavailable: it does not answer, or not as an SSH server.
    """
    address = await ensure_public(host, allow_private_addresses)
    key = await _shown_key(host, address, port)
    return _line(key), key.get_fingerprint()


def fingerprint_of(line: str) -> str:
    """The SHA256 fingerprint of a host key; blank where it is none."""
    try:
        return asyncssh.import_public_key(line.strip()).get_fingerprint()
    except asyncssh.KeyImportError:
        return ""


@asynccontextmanager
async def session(
    settings: SftpSettings, secrets: SftpSecrets, allow_private_addresses: bool
) -> AsyncIterator[asyncssh.SFTPClient]:
    """A session as long as the block runs; errors of asyncssh inside come out as errors of `shared.model.errors`.

    Raises:
        BadSettings: host key not approved or changed, login refused, no SFTP, key unusable, host not allowed.
        Unavailable: the server does not answer, or the connection was lost.
    """
    address = await ensure_public(settings.host, allow_private_addresses)
    if not settings.host_key.strip():
        raise _not_approved(settings.host, await _shown_key(settings.host, address, settings.port))
    pinned = _pinned(settings)
    client_key = await _client_key(secrets)
    with translated(settings.host, settings.import_folder):
        async with (
            await _connect(settings, secrets, address, pinned, client_key) as connection,
            connection.start_sftp_client(path_errors="replace") as sftp,
        ):
            try:
                yield sftp
            except TimeoutError:
                connection.abort()  # a server that stalls would not take leave either
                raise


@contextmanager
def translated(host: str, folder: str) -> Iterator[None]:
    """Errors of asyncssh and of the network as ours; they name host and folder, never user or credentials."""
    try:
        yield
    except asyncssh.SFTPPermissionDenied:
        raise BadSettings(*said("sftp.permission_denied", host=host, folder=folder)) from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory):
        raise BadSettings(*said("sftp.no_folder", folder=folder, host=host)) from None
    except asyncssh.PermissionDenied:
        raise BadSettings(*said("sftp.login_refused", host=host)) from None
    except asyncssh.ChannelOpenError:
        raise BadSettings(*said("sftp.no_sftp", host=host)) from None
    except (asyncssh.Error, OSError) as error:
        raise _unavailable(host, error) from None


class _Client(asyncssh.SSHClient):
    """Refuses every host key but the pinned one, remembers the one shown, and gives up on what is no SSH server:
    a web server waits to be spoken to, and would be waited for."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self.seen: list[asyncssh.SSHKey] = []
        self.patience: asyncio.TimerHandle | None = None
        self._limit = limit
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether there is a connection, and no SSH server has greeted on it."""
        return self._connection is not None and self._connection.get_extra_info("server_version") is None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn
        self.patience = asyncio.get_running_loop().call_later(GREETING_SECONDS, self._give_up)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen.append(key)
        return False

    def _give_up(self) -> None:
        if self.is_unanswered:
            self._limit.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def _client(host: str, port: int) -> AsyncIterator[_Client]:
    """For one try to connect. Raises Unavailable where no SSH server is at this port."""
    limit = asyncio.timeout(CONNECT_SECONDS)
    client = _Client(limit)
    try:
        async with limit:
            yield client
    except (asyncssh.Error, OSError):
        if client.is_unanswered:
            raise Unavailable(*said("sftp.not_ssh", host=host, port=port)) from None
        raise
    finally:
        if client.patience:
            client.patience.cancel()


async def _connect(
    settings: SftpSettings,
    secrets: SftpSecrets,
    address: str,
    pinned: asyncssh.SSHKey,
    client_key: asyncssh.SSHKey | None,
) -> asyncssh.SSHClientConnection:
    seen: list[asyncssh.SSHKey] = []
    try:
        async with _client(settings.host, settings.port) as client:
            seen = client.seen
            return await asyncssh.connect(
                address,
                settings.port,
                config=None,
                client_factory=lambda: client,
                known_hosts=([pinned], [], []),
                server_host_key_algs=[name.decode() for name in pinned.sig_algorithms],
                x509_trusted_certs=None,
                username=settings.user,
                password=secrets.password or None,
                client_keys=[client_key] if client_key else None,
                preferred_auth=_SSH_AUTH,
                agent_path=None,
                gss_host=None,
                encryption_algs="^aes128-gcm@openssh.com",
                login_timeout=CONNECT_SECONDS,
                keepalive_interval=_KEEPALIVE_SECONDS,
            )
    except asyncssh.HostKeyNotVerifiable:
        raise _changed(settings.host, pinned, seen[0] if seen else None) from None
    except asyncssh.KeyExchangeFailed:
        shown = await _shown_key(settings.host, address, settings.port)
        if shown.get_fingerprint() != pinned.get_fingerprint():
            raise _changed(settings.host, pinned, shown) from None
        raise _no_common_algorithm(settings.host) from None
    except ValueError:
        raise BadSettings(*said("sftp.bad_login", host=settings.host)) from None


async def _shown_key(host: str, address: str, port: int) -> asyncssh.SSHKey:
    try:
        async with _client(host, port) as client:
            options = asyncssh.SSHClientConnectionOptions(config=None, client_factory=lambda: client)
            key = await asyncssh.get_server_host_key(address, port, config=None, options=options)
    except asyncssh.KeyExchangeFailed:
        raise _no_common_algorithm(host) from None
    except (asyncssh.Error, OSError) as error:
        raise _unavailable(host, error) from None
    if key is None:
        raise _no_common_algorithm(host)
    return key


def _pinned(settings: SftpSettings) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(settings.host_key.strip())
    except asyncssh.KeyImportError:
        raise BadSettings(*said("sftp.bad_host_key", host=settings.host)) from None


async def _client_key(secrets: SftpSecrets) -> asyncssh.SSHKey | None:
    if not secrets.private_key:
        return None
    read = partial(asyncssh.import_private_key, secrets.private_key.strip() + "\n", secrets.passphrase or None)
    try:
        return await asyncio.to_thread(read)
    except ValueError:
        raise BadSettings(*said("sftp.bad_private_key")) from None


def _line(key: asyncssh.SSHKey) -> str:
    algorithm, data, *_ = key.export_public_key("openssh").decode().split()
    return f"{algorithm} {data}"


def _not_approved(host: str, key: asyncssh.SSHKey) -> BadSettings:
    return BadSettings(*said("sftp.host_key_not_approved", host=host, what=key.get_fingerprint()))


def _changed(host: str, pinned: asyncssh.SSHKey, shown: asyncssh.SSHKey | None) -> BadSettings:
    now = shown.get_fingerprint() if shown else "a key that cannot be read"
    return BadSettings(*said("sftp.host_key_changed", host=host, what=pinned.get_fingerprint(), now=now))


def _no_common_algorithm(host: str) -> BadSettings:
    return BadSettings(*said("sftp.no_common_algorithm", host=host))


def _unavailable(host: str, error: Exception) -> Unavailable:
    if isinstance(error, asyncssh.SFTPError) and not isinstance(error, _CUT):
        return Unavailable(*said("sftp.unavailable", host=host))
    return Unavailable(*outage(host, error))
