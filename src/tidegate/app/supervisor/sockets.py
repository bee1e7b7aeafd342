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


def url_of(listener: socket.socket) -> str:
    """Return how a program on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - compared with, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
