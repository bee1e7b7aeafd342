"""Objectives as other tools write them down, and the rules that are generated from one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidegate.kernel.errors import TidegateError
from tidegate.promql.objectives.burn_rates import BurnRate

__all__ = ["Generated", "GeneratedGroup", "GeneratedRule", "Imported", "NotImported", "Objective"]


@dataclass(frozen=True, slots=True)
class GeneratedRule:
    name: str
    is_alert: bool
    expression: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    for_ms: int = 0


@dataclass(frozen=True, slots=True)
class GeneratedGroup:
    name: str
    rules: tuple[GeneratedRule, ...]


@dataclass(frozen=True, slots=True)
class NotImported:
    """A part of a file that is not taken, and why."""

    name: str
    error: TidegateError


@dataclass(frozen=True, slots=True)
class Generated:
    groups: tuple[GeneratedGroup, ...]
    refusals: tuple[NotImported, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise about a ratio of errors over a window, with the alerts on how fast its budget burns."""

    id: str
    service: str
    name: str
    target: float
    """The share that is to be good, 0 to 1."""
    budget: float
    """1 - target, reckoned as the tool reckons it."""
    window_ms: int
    burn_rates: tuple[BurnRate, ...]
    error_ratio: Callable[[int], str]
    """The expression of the ratio of errors over so many milliseconds."""
    generate: Callable[["Objective"], Generated]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    format: str
    objectives: tuple[Objective, ...]
    refusals: tuple[NotImported, ...] = ()
