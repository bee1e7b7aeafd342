"""Parameters and answers of Prometheus's HTTP API."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request

from tidegate.edge.bodies import read_body
from tidegate.edge.prometheus import moment_ms
from tidegate.kernel import InvalidInputError
from tidegate.promql.durations import parse_duration
from tidegate.promql.errors import ExpressionError
from tidegate.promql.numbers import exact_text, scientific_text
from tidegate.promql.series import Labels, Series
from tidegate.signals.prometheus.answers import Answer, MatrixAnswer, NumberAnswer, TextAnswer
from tidegate.signals.prometheus.errors import PrometheusQueryInvalidError
from tidegate.signals.prometheus.model import CATALOGUE

__all__ = ["Parameters", "answer_json", "metadata_out", "parameters_of"]

_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST_BODY: Final = 1 << 20  # a query has 16,384 characters at most, written as three each
_MOST_FIELDS: Final = 200
_TIMEOUT_S: Final = 30.0  # Prometheus: two minutes. Nobody looks at a panel that long
_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?")
_LONGEST_STEP_MS: Final = 10**13


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the body's form says, else the query of the address."""

    fields: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """Return a parameter that must be there."""
        return self.find(name) or ""

    def find(self, name: str) -> str | None:
        return next((value for value in self.fields.get(name, ()) if value), None)

    def every(self, name: str) -> list[str]:
        return [value for value in self.fields.get(name, ()) if value]

    def moment_ms(self, name: str, default: int | None = None) -> int:
        text = self.find(name)
        if text is None:
            if default is None:
                raise PrometheusQueryInvalidError(f'invalid parameter "{name}": it is missing', field=name)
            return default
        return moment_ms(text, field=name)

    @property
    def step_ms(self) -> int:
        step = _length_ms(self.text("step"), field="step")
        if step <= 0:
            raise PrometheusQueryInvalidError(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer",
                field="step",
            )
        return step

    @property
    def timeout_s(self) -> float:
        text = self.find("timeout")
        return _TIMEOUT_S if text is None else min(max(_length_ms(text, field="timeout") / 1000, 0.001), _TIMEOUT_S)

    @property
    def limit(self) -> int | None:
        """How many values or series are enough; `None`, or 0, for all."""
        text = self.find("limit")
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise PrometheusQueryInvalidError('invalid parameter "limit": it is no number', field="limit")
        return int(text) or None


def _length_ms(text: str, *, field: str) -> int:
    try:
        found = float(text) * 1000 if _SECONDS.fullmatch(text) else parse_duration(text)
    except ExpressionError as error:
        raise PrometheusQueryInvalidError(
            f'invalid parameter "{field}": cannot parse "{text[:100]}" to a valid duration', field=field
        ) from error
    if found > _LONGEST_STEP_MS:
        raise PrometheusQueryInvalidError(f'invalid parameter "{field}": it is longer than 300 years', field=field)
    return round(found)


async def parameters_of(request: Request) -> Parameters:
    """Return the parameters of a request; with POST a form may hold them, which goes before the address."""
    fields: dict[str, list[str]] = {}
    if request.method == "POST" and request.headers.get("content-type"):
        body = await read_body(request, (_FORM,), limit_bytes=_LARGEST_BODY)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise PrometheusQueryInvalidError("The body is no form of at most 200 fields in UTF-8.") from error
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
    for name, value in request.query_params.multi_items():
        fields.setdefault(name, []).append(value)
    for name, values in fields.items():
        if any("\0" in value for value in values):
            raise InvalidInputError(f"`{name[:40]}` contains a NUL character.", field=name[:40])
    return Parameters(fields)


def answer_json(answer: Answer) -> bytes:
    """Return the whole body of an answer; a matrix may have a million points, so it is written by hand."""
    if isinstance(answer, MatrixAnswer):
        kind, result = "matrix", "[" + ",".join(map(_matrix_row, answer.series)) + "]"
    elif isinstance(answer, NumberAnswer):
        kind, result = "scalar", _point(answer.at_ms, answer.value)
    elif isinstance(answer, TextAnswer):
        kind, result = "string", f"[{_seconds(answer.at_ms)},{json.dumps(answer.value)}]"
    else:
        rows = (
            f'{{"metric":{_metric(one.labels)},"value":{_point(answer.at_ms, one.value)}}}' for one in answer.samples
        )
        kind, result = "vector", "[" + ",".join(rows) + "]"
    warnings = f',"warnings":{json.dumps(list(answer.warnings))}' if answer.warnings else ""
    return f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}{warnings}}}'.encode()


def _matrix_row(series: Series) -> str:
    points = map(_point, series.moments.tolist(), series.values.tolist())
    return f'{{"metric":{_metric(series.labels)},"values":[{",".join(points)}]}}'


def _metric(labels: Labels) -> str:
    return json.dumps(dict(labels))


def _point(at_ms: int, value: float) -> str:
    return f'[{_seconds(at_ms)},"{_number(value)}"]'


def _seconds(at_ms: int) -> str:
    return f"{at_ms // 1000}.{at_ms % 1000:03d}" if at_ms % 1000 else str(at_ms // 1000)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return "-0" if value == 0 and str(value)[0] == "-" else str(int(value))
    if value and value - value == 0 and not 1e-6 <= abs(value) < 1e21:
        return scientific_text(value, letter="e")
    text = repr(value)  # the shortest one, which is right unless it has an exponent: a matrix has a million
    return exact_text(value) if "e" in text or value - value != 0 else text.removesuffix(".0")


def metadata_out(name: str | None, limit: int | None) -> dict[str, Any]:
    """Return type and help of each metric, by the name that histograms share."""
    found = {metric.family_name: {"type": metric.type.value, "help": metric.help, "unit": ""} for metric in
             CATALOGUE.values()}  # fmt: skip
    named = ((key, [value]) for key, value in sorted(found.items()) if name in {None, key})
    return dict(_first(named, limit))


def _first(
    pairs: Iterator[tuple[str, list[dict[str, str]]]], limit: int | None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for count, pair in enumerate(pairs):
        if limit is not None and count >= limit:
            return
        yield pair
