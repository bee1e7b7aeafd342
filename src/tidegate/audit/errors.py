"""What can go wrong with the audit."""

from typing import ClassVar

from tidegate.kernel import ConflictError, NotFoundError


class AuditChainBrokenError(ConflictError):
    code: ClassVar[str] = "audit_chain_broken"

    def __init__(self, workspace: str, finding: str) -> None:
        super().__init__(
            f"The audit of {workspace!r} was changed in the database: {finding}. Nothing is signed until this is "
            "settled: keep a copy of the data and of every signed head."
        )


class AuditEmptyError(NotFoundError):
    code: ClassVar[str] = "audit_empty"

    def __init__(self) -> None:
        super().__init__("Nothing was recorded in this workspace yet, so there is no head to sign.")
