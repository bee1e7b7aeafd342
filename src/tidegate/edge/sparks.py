"""Lines of text for terminals: eight heights, a gap where there is no data."""

from collections.abc import Sequence

__all__ = ["spark_text"]

_HEIGHTS = "▁▂▃▄▅▆▇█"


def spark_text(values: Sequence[float | None], *, width: int = 28) -> str:
    """Return `values` as at most `width` characters; each stands for the highest of its share."""
    if not values:
        return ""
    size = -(-len(values) // width)
    shares = [values[start : start + size] for start in range(0, len(values), size)]
    peaks = [max((value for value in share if value is not None), default=None) for share in shares]
    known = [peak for peak in peaks if peak is not None]
    high = max(known, default=0.0)
    return "".join(" " if peak is None else _HEIGHTS[_step(peak, high)] for peak in peaks)


def _step(peak: float, high: float) -> int:
    return min(int(max(peak, 0.0) / high * len(_HEIGHTS)), len(_HEIGHTS) - 1) if high > 0 else 0
