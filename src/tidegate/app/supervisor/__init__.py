"""The parent of `tidegate serve`: starts the engines and the edge, restarts what dies, leaves nothing behind."""

from tidegate.app.supervisor.alone import postgres_alone
from tidegate.app.supervisor.child import StartFailedError
from tidegate.app.supervisor.run import run_supervisor
from tidegate.app.supervisor.settings import ChildSpec, Lifetime, SupervisorSettings
from tidegate.app.supervisor.sockets import AddressUnusableError, PortBusyError
from tidegate.app.supervisor.state import ChildReport, ChildState, ServerReport, read_state

__all__ = [
    "AddressUnusableError",
    "ChildReport",
    "ChildSpec",
    "ChildState",
    "Lifetime",
    "PortBusyError",
    "ServerReport",
    "StartFailedError",
    "SupervisorSettings",
    "postgres_alone",
    "read_state",
    "run_supervisor",
]
