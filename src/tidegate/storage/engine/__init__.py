"""The telemetry engine: one child process that owns an embedded ClickHouse and speaks its HTTP interface.

`python -m tidegate.storage.engine` is the child; everybody else talks to it through `tidegate.storage.telemetry`.
"""

from tidegate.storage.engine.claims import CLAIM_HEADER, Access, Claim, EngineKeys

__all__ = ["CLAIM_HEADER", "Access", "Claim", "EngineKeys"]
