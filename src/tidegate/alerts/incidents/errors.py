"""What can go wrong with incidents."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class IncidentNotFoundError(NotFoundError):
    code: ClassVar[str] = "incident_not_found"

    def __init__(self, incident_id: str) -> None:
        super().__init__(f"There is no incident {incident_id[:80]!r}. `tidegate incident list` shows those you have.")


class AlertGroupNotFoundError(NotFoundError):
    code: ClassVar[str] = "alert_group_not_found"

    def __init__(self, group_id: str) -> None:
        super().__init__(
            f"There is no group of alerts {group_id[:80]!r} now. `tidegate alert why --json` names that of an alert."
        )


class IncidentStateError(ConflictError):
    """Its state does not allow this step."""

    code: ClassVar[str] = "incident_state"

    def __init__(self, state: str, move: str) -> None:
        super().__init__(f"The incident is {state}: it cannot {move} now. Look at it again.")


class IncidentChangedError(ConflictError):
    code: ClassVar[str] = "incident_changed"

    def __init__(self, sequence: int) -> None:
        super().__init__(
            f"Somebody changed the incident since you looked: its last event is {sequence} now. Look at it again.",
            field="sequence",
        )


class IncidentBurnsError(ConflictError):
    """Alerts of it fire still."""

    code: ClassVar[str] = "incident_burns"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} of its alerts {'is' if count == 1 else 'are'} open still. Say despiteOpenAlerts: true when it is "
            "over all the same.",
            field="despiteOpenAlerts",
        )


class AlertInIncidentError(ConflictError):
    """An alert belongs to at most one incident that is not resolved."""

    code: ClassVar[str] = "alert_in_incident"

    def __init__(self, alert_id: str, incident_id: str) -> None:
        super().__init__(f"Alert {alert_id} belongs to incident {incident_id}, which is not resolved.")


class CommanderUnknownError(InvalidInputError):
    code: ClassVar[str] = "commander_unknown"

    def __init__(self) -> None:
        super().__init__(
            "No person of this workspace has this id. `tidegate member list` shows them.", field="commander"
        )
