"""The operations of every door and the action that each is, by area."""

from collections.abc import Mapping
from typing import Final

from tidegate.identity.policy.operations import alerts, gates, people, telemetry

__all__ = ["OPERATIONS"]

OPERATIONS: Final[Mapping[str, str]] = {
    **telemetry.OPERATIONS,
    **alerts.OPERATIONS,
    **gates.OPERATIONS,
    **people.OPERATIONS,
}
