"""`tidegate trace`: looking at traces and erasing them, put together from both."""

from tidegate.telemetry.erasures.commands import erase_trace
from tidegate.telemetry.traces.commands import trace

__all__ = ["trace"]

trace.add_command(erase_trace)
