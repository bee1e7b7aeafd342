"""Front doors that open on use: a CLI verb lives in a slice and must start without the slice's engines."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that imports a name from its home when it is first asked for.

    Without it `tidegate gate list` would load FastAPI, asyncpg and pydantic, which are not even installed with the CLI
    alone.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:  # noqa: ANN401 - whatever the home holds
        if name not in home_of:
            raise AttributeError(f"no {name!r} here")
        return getattr(import_module(home_of[name]), name)

    return find
