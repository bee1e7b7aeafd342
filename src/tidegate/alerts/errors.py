"""What can go wrong with alerts."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, TidegateError


class AlertNotFoundError(NotFoundError):
    code: ClassVar[str] = "alert_not_found"

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"There is no alert {alert_id[:80]!r}. `tidegate alert list` shows the alerts you have.")


class OverrideInvalidError(InvalidInputError):
    code: ClassVar[str] = "alert_override_invalid"

    def __init__(self, message: str, field: str | None) -> None:
        super().__init__(message, field=field)


class RuleWithoutRunbookError(TidegateError):
    code: ClassVar[str] = "rule_without_runbook"

    def __init__(self, rule: str, runbook: str) -> None:
        super().__init__(f"The rule {rule} names the runbook {runbook!r}, which does not exist. Write the page first.")


class WatchLostError(ConflictError):
    """Another process evaluates by now; what this one wanted to write was not written."""

    code: ClassVar[str] = "alert_watch_lost"

    def __init__(self) -> None:
        super().__init__("Another process evaluates the rules now; this one wrote nothing and stands by.")


class AlertOutOfStepError(ConflictError):
    """The stored alert is not the one that the change starts from; nothing was written."""

    code: ClassVar[str] = "alert_out_of_step"

    def __init__(self) -> None:
        super().__init__("A stored alert differs from the one in memory; nothing was written, it is read again.")
