"""What can go wrong with Alertmanagers that alerts are sent to."""

from typing import ClassVar

from tidegate.alerts.forwarding.model import MAX_TARGETS
from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class AlertmanagerNotFoundError(NotFoundError):
    code: ClassVar[str] = "alertmanager_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no Alertmanager {name[:80]!r}. `tidegate alertmanager list` shows those you have.")


class AlertmanagerInvalidError(InvalidInputError):
    """A setting that cannot be; `field` names it."""

    code: ClassVar[str] = "alertmanager_invalid"


class AlertmanagerLimitError(ConflictError):
    code: ClassVar[str] = "alertmanager_limit"

    def __init__(self) -> None:
        super().__init__(f"A workspace sends to at most {MAX_TARGETS} Alertmanagers. Remove one.")


class AlertmanagerChangedError(ConflictError):
    code: ClassVar[str] = "alertmanager_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this Alertmanager at this moment. Look at it, then try again.")
