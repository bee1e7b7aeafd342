"""Objective files for tests."""

from tidegate.slos.model import Objective
from tidegate.slos.objective_files import parse_objectives

__all__ = ["FEW_ARE_ENOUGH", "events_file", "make", "slices_file"]


FEW_ARE_ENOUGH = (
    "[{severity: P1, long: 1h, short: 5m, factor: 14.4, minCount: 1},"
    " {severity: P2, long: 1d, short: 2h, factor: 3, minCount: 1}]"
)


def events_file(name: str = "chat-availability", **changes: str) -> bytes:
    """Return a file whose objective counts failed requests; `changes` replace lines of its spec."""
    spec = {
        "service": "harbor",
        "family": "request",
        "indicator": "{events: {bad: failureCount, total: requestCount}}",
        "target": "0.99",
        "window": "{rolling: 30d}",
    } | changes
    return _file(name, spec)


def slices_file(name: str = "chat-cost", **changes: str) -> bytes:
    spec = {
        "service": "harbor",
        "family": "ai_run",
        "indicator": "{slices: {figure: averageCostPerRunUsd, length: 5m, atMost: 0.3}}",
        "target": "0.9",
        "window": "{rolling: 1d}",
    } | changes
    return _file(name, spec)


def _file(name: str, spec: dict[str, str]) -> bytes:
    lines = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    head = f"apiVersion: tidegate/v1\nkind: Objective\nmetadata: {{name: {name}, title: Chat, owner: team-chat}}\n"
    return f"{head}spec:\n{lines}".encode()


def make(**changes: str) -> Objective:
    return parse_objectives(events_file(**changes))[0]
