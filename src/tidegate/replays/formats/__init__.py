"""The recordings that can be read, one module a kind. A module is imported when its format is asked for."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from tidegate.replays.model import Reading, Row

__all__ = ["FORMATS", "Format", "Reader", "Unreadable"]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that was passed over, and why."""

    number: int
    reason: str


Reader: TypeAlias = Callable[[Iterable[str], Reading], Iterator[Row | Unreadable]]


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    module: str
    function: str
    patterns: tuple[str, ...]
    """Which files of a folder are of this format; `.gz` may follow."""
    meaning: str
    knows_times: bool = True

    def reader(self) -> Reader:
        return cast(
            "Reader", getattr(importlib.import_module(f"tidegate.replays.formats.{self.module}"), self.function)
        )


FORMATS: Final = {
    each.name: each
    for each in (
        Format("otlp-json", "otlp_json", "read", ("*.json", "*.jsonl"), "requests of the protocol, or flat AI spans"),
        Format("sshd", "syslog", "read", ("*.log", "auth*", "secure*", "messages*", "syslog*"), "syslog lines"),
        Format("openstack", "openstack", "read", ("*.log",), "log lines of OpenStack nova"),
        Format("azure-llm", "llm_csv", "read_azure", ("*.csv",), "TIMESTAMP,ContextTokens,GeneratedTokens"),
        Format("bfcl", "llm_csv", "read_bfcl", ("runs*.csv",), "graded runs of models", knows_times=False),
        Format("tau", "tau", "read", ("*.json",), "customer-service runs with their messages", knows_times=False),
        Format("nezha", "nezha", "read", ("*_trace.csv",), "spans as rows"),
        Format("jsonl", "event_lines", "read", ("*.jsonl", "*.ndjson", "*.log"), "one event an object"),
        Format("openmetrics", "openmetrics", "read", ("*.txt", "*.prom", "*.om"), "an exposition in OpenMetrics text"),
    )
}
