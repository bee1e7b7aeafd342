"""Listening sockets, bound once by the supervisor: while a child restarts, callers wait instead of being refused."""

import errno
import socket
from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError

_BACKLOG = 1024  # connections that wait during a restart of some seconds; the kernel caps it at somaxconn


class PortBusyError(ConflictError):
    code: ClassVar[str] = "port_busy"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is taken by another program. "
            f"Stop it, or choose another one: tidegate serve --port {port + 1 if port < 65_535 else port - 1}."
        )
        self.port = port


class AddressUnusableError(InvalidInputError):
    code: ClassVar[str] = "address_unusable"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on {host}, port {port}: {reason}. Choose another --host or --port.")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket that only explicit heirs get.

    Raises:
        PortBusyError: another program listens there.
        AddressUnusableError: the host is not of this machine, or the port is reserved.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortBusyError(host, port) from error
        raise AddressUnusableError(host, port, error.strerror or str(error)) from error


def reserve_loopback(port: int) -> socket.socket | None:
    """Return a bound socket that does not listen, `None` when the port is taken.

    Who cannot inherit a listening socket listens beside it with SO_REUSEPORT, and the port stays ours between its
    lives. Bound without that option first: another program of this user that has set it would share with us.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As for a listening socket: connections of a life before, that are still going, do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        # Without SO_REUSEADDR, by which the probe of another tidegate would slip in beside it.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", port))
    except OSError:
        reserved.close()
        return None
    return reserved


def url_of(listener: socket.socket) -> str:
    """Return how a program on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - compared with, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
