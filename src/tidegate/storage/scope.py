"""The condition that every statement on telemetry puts to each table it reads.

It holds what the signed claim, or the server's filter, holds as well: each must hold when the other is taken away. The
client binds it to the workspaces of the call (`TelemetryEngine.select`); a test reads every statement that is sent.
"""

from typing import Final

__all__ = ["SCOPE", "SCOPE_PARAMETER"]

SCOPE_PARAMETER: Final = "scope"
SCOPE: Final = f"workspace IN {{{SCOPE_PARAMETER}:Array(String)}}"
