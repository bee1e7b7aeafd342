"""The condition that every statement on telemetry puts to each table it reads.

It holds what the signed claim, or the server's filter, holds as well: each must hold when the other is taken away. The
client binds it to the workspaces of the call (`TelemetryEngine.select`); a test reads every statement that is sent.
"""

from collections.abc import Collection, Mapping
from typing import Final

__all__ = ["SCOPE", "scoped"]

_PARAMETER: Final = "scope"
SCOPE: Final = f"workspace IN {{{_PARAMETER}:Array(String)}}"


def scoped(
    workspaces: Collection[str], sql: str, parameters: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    """Return the parameters, with the workspaces of the call for a statement that asks for them."""
    return {**(parameters or {}), _PARAMETER: sorted(set(workspaces))} if SCOPE in sql else parameters
