"""The parent of `tidegate serve`: starts the engines and the edge, restarts what dies, leaves nothing behind."""

from tidegate.app.supervisor.alone import postgres_alone

__all__ = ["postgres_alone"]
