"""Light, dark or as the system says. Kept in a cookie, so that the server renders it and no page flashes."""

from enum import StrEnum

from fastapi import Request

__all__ = ["APPEARANCE_COOKIE", "Appearance", "appearance_of"]

APPEARANCE_COOKIE = "tidegate_appearance"


class Appearance(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"

    @property
    def label(self) -> str:
        return self.value.capitalize()


def appearance_of(request: Request) -> Appearance:
    """Return what this browser chose; what cannot be read is no choice."""
    try:
        return Appearance(request.cookies.get(APPEARANCE_COOKIE, Appearance.SYSTEM))
    except ValueError:
        return Appearance.SYSTEM
