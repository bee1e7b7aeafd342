"""The functions of templates: how Prometheus makes numbers fit for people, and Go's `printf`."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from tidegate.promql.numbers import go_text

__all__ = ["TEMPLATE_FUNCTIONS", "TemplateValue"]

TemplateValue: TypeAlias = str | float | int | bool

_VERB: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>[0-9]{1,3})?(?:\.(?P<precision>[0-9]{0,3}))?(?P<verb>[a-zA-Z%])"
)
_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _number(value: TemplateValue) -> float:
    if isinstance(value, str):
        return float(value)
    return float(value)


def _short(value: float) -> str:
    """Return Go's `%.4g`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.4g}"


def _humanize(given: TemplateValue) -> str:
    value = _number(given)
    if value == 0 or not math.isfinite(value):
        return _short(value)
    prefix = ""
    if abs(value) >= 1:
        for unit in _LARGE:
            if abs(value) < 1000:
                break
            prefix, value = unit, value / 1000
        return _short(value) + prefix
    for unit in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = unit, value * 1000
    return _short(value) + prefix


def _humanize1024(given: TemplateValue) -> str:
    value = _number(given)
    if abs(value) <= 1 or not math.isfinite(value):
        return _short(value)
    prefix = ""
    for unit in _BINARY:
        if abs(value) < 1024:
            break
        prefix, value = unit, value / 1024
    return _short(value) + prefix


def _humanize_duration(given: TemplateValue) -> str:  # noqa: PLR0911 - one answer a size, as in Prometheus
    value = _number(given)
    if not math.isfinite(value):
        return _short(value)
    if value == 0:
        return _short(value) + "s"
    if abs(value) < 1:
        prefix = ""
        for unit in _SMALL:
            if abs(value) >= 1:
                break
            prefix, value = unit, value * 1000
        return f"{_short(value)}{prefix}s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole = int(value)
    seconds, minutes, hours, days = whole % 60, whole // 60 % 60, whole // 3600 % 24, whole // 86400
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_short(value)}s"


def _humanize_percentage(given: TemplateValue) -> str:
    return _short(_number(given) * 100) + "%"


def _humanize_timestamp(given: TemplateValue) -> str:
    value = _number(given)
    if not math.isfinite(value):
        return _short(value)
    ms = int(value * 1e9) // 1_000_000
    at = _EPOCH + timedelta(milliseconds=ms)
    fraction = f".{ms % 1000:03d}".rstrip("0") if ms % 1000 else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _printf(layout: TemplateValue, *values: TemplateValue) -> str:
    """Format as Go's `fmt.Sprintf` does, for the verbs `%s %q %v %d %f %e %g %t %x %%`."""
    rest = list(values)

    def one(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        precision = found["precision"]
        text = _formatted(verb, rest.pop(0), found["flags"], None if precision is None else int(precision or 0))
        width = int(found["width"] or 0)
        if "-" in found["flags"]:
            return text.ljust(width)
        is_padded = "0" in found["flags"] and verb in "dfeEgGx"
        return text.zfill(width) if is_padded else text.rjust(width)

    written = _VERB.sub(one, str(layout))
    if rest:
        extra = ", ".join(f"{_go_type(value)}={_plain(value)}" for value in rest)
        written += f"%!(EXTRA {extra})"
    return written


def _go_type(value: TemplateValue) -> str:
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "int", float: "float64"}[type(value)]


def _plain(value: TemplateValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_text(value) if isinstance(value, float) else str(value)


def _formatted(verb: str, value: TemplateValue, flags: str, precision: int | None) -> str:
    kinds = {"s": str, "q": str, "d": int, "f": float, "F": float, "e": float, "g": float, "G": float, "t": bool}
    if verb == "v":
        return _plain(value) if precision is None or not isinstance(value, float) else _general(value, precision)
    if type(value) is not kinds.get(verb):
        return f"%!{verb}({_go_type(value)}={_plain(value)})"
    if isinstance(value, float):
        text = _float(verb, value, precision)
        return f"+{text}" if "+" in flags and value >= 0 and not text.startswith("+") else text
    if verb == "q":
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = _plain(value)
    if verb == "s" and precision is not None:
        return text[:precision]
    return f"+{text}" if verb == "d" and "+" in flags and not text.startswith("-") else text


def _float(verb: str, value: float, precision: int | None) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    if verb in "gG":
        return go_text(value) if precision is None else _general(value, precision)
    return format(value, f".{6 if precision is None else precision}{verb}")


def _general(value: float, precision: int) -> str:
    return _short(value) if not math.isfinite(value) else format(value, f".{precision or 1}g")


def _replace_all(pattern: TemplateValue, replacement: TemplateValue, text: TemplateValue) -> str:
    import re2

    # Go writes $1 or ${1} where RE2 writes \1.
    written = re.sub(r"\\", r"\\\\", str(replacement))
    written = re.sub(r"\$\{?(\d+)\}?", r"\\\1", written)
    return str(re2.compile(str(pattern)).sub(written, str(text)))


def _meets(pattern: TemplateValue, text: TemplateValue) -> bool:
    import re2

    return bool(re2.compile(str(pattern)).search(str(text)))


def _title(text: TemplateValue) -> str:
    return re.sub(r"\b[a-z]", lambda found: found[0].upper(), str(text))


# name -> fewest values, most values, what it does
TEMPLATE_FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[..., Any]]]] = {
    "humanize": (1, 1, _humanize),
    "humanize1024": (1, 1, _humanize1024),
    "humanizeDuration": (1, 1, _humanize_duration),
    "humanizePercentage": (1, 1, _humanize_percentage),
    "humanizeTimestamp": (1, 1, _humanize_timestamp),
    "match": (2, 2, _meets),
    "print": (1, 1, _plain),
    "printf": (1, 20, _printf),
    "reReplaceAll": (3, 3, _replace_all),
    "title": (1, 1, _title),
    "toLower": (1, 1, lambda text: str(text).lower()),
    "toUpper": (1, 1, lambda text: str(text).upper()),
}
