"""What a load run measured, whatever tool ran it. Pure."""

from dataclasses import dataclass

__all__ = ["LoadReading", "Threshold"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound that the run itself was given."""

    metric: str
    expression: str
    is_crossed: bool


@dataclass(frozen=True, slots=True)
class LoadReading:
    """`None` always means that the file does not say; nothing is filled in."""

    tool: str
    request_count: int
    failure_count: int | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    requests_per_s: float | None
    duration_s: float | None
    thresholds: tuple[Threshold, ...] | None
    """`None`: the format has no place for them, and whether the run kept to its own is not known."""
    warnings: tuple[str, ...]

    @property
    def failure_ratio(self) -> float | None:
        """Return failures by requests; without a request there is none."""
        if self.failure_count is None or not self.request_count:
            return None
        return self.failure_count / self.request_count

    @property
    def crossed(self) -> tuple[Threshold, ...]:
        return tuple(one for one in self.thresholds or () if one.is_crossed)
