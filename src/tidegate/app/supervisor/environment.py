"""What a child inherits of the environment: no secret that is for others."""

import os
from collections.abc import Mapping

__all__ = ["environment_with"]

# A child that needs what stands in one of them is told in its own settings.
_SECRETS = frozenset(
    {
        "TIDEGATE_DATABASE_URL",
        "TIDEGATE_OWNER_DATABASE_URL",
        "TIDEGATE_TELEMETRY_PASSWORD",
        "TIDEGATE_TELEMETRY_SECRET",
        "TIDEGATE_TELEMETRY_URL",
        "TIDEGATE_TOKEN",
    }
)


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with `more` and without what holds secrets of others."""
    return {name: value for name, value in os.environ.items() if name not in _SECRETS} | dict(more)
