"""Free ports on 127.0.0.1, for programs that cannot take port 0."""

import random
import socket
import threading

HOST = "127.0.0.1"
# Below the range systems take for outgoing connections, so that a part finds its port free when it restarts.
CANDIDATES = range(20_000, 32_000)

_handed_out: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A port nobody listens on now, never the same twice in this process."""
    with _lock:
        for port in random.sample(CANDIDATES, len(CANDIDATES)):
            if port not in _handed_out and is_free(port):
                _handed_out.add(port)
                return port
    raise OSError(f"no free port in {CANDIDATES}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
        return True
