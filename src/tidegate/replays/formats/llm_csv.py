"""Tables of model calls: the Azure LLM inference trace, and graded runs of a function-calling leaderboard."""

from collections.abc import Iterable, Iterator, Mapping

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.rows import converted, whole_number
from tidegate.replays.formats.tables import table_rows
from tidegate.replays.model import NANO, Reading, Row, Span, SpanKind, UnreadableRowError, Value
from tidegate.replays.times import iso_ns

AZURE = "azure.ai.openai"
AZURE_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
BFCL_COLUMNS = ("model", "category", "case", "valid", "error_type", "input_tokens", "output_tokens", "latency_s")
# An output that nothing could read, or of another type than asked for: it broke the contract it was given.
CONTRACT_BREAKS = ("ast_decoder", "type_error", "executable_decoder")
_ERROR = 2  # OTLP's StatusCode
# The leaderboard keeps no times: ten runs a second make 66,300 of them two hours.
_SPACING_NS = NANO // 10


def read_azure(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a request: one inference span at its time."""
    resource = reading.resource("azure-llm")

    def convert(number: int, row: Mapping[str, str]) -> Row:
        at_ns = iso_ns(row["TIMESTAMP"]) + reading.shift_ns
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": reading.provider or AZURE,
            "gen_ai.usage.input_tokens": whole_number(row["ContextTokens"], "ContextTokens"),
            "gen_ai.usage.output_tokens": whole_number(row["GeneratedTokens"], "GeneratedTokens"),
        }
        if reading.model:
            attributes["gen_ai.request.model"] = reading.model
        span = Span(
            trace_id=reading.naming.trace_id(number),
            span_id=reading.naming.span_id(number),
            name=f"chat {reading.model}" if reading.model else "chat",
            kind=SpanKind.CLIENT,
            start_ns=at_ns,
            end_ns=at_ns,
            attributes=attributes,
            resource=resource,
        )
        return Row(number, at_ns, (span,))

    return converted(table_rows(lines, AZURE_COLUMNS), convert)


def read_bfcl(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a graded run: one inference span, failed or a broken contract as it was graded."""
    resource = reading.resource("bfcl")

    def convert(number: int, row: Mapping[str, str]) -> Row:
        start_ns = reading.start_ns + (number - 2) * _SPACING_NS + reading.shift_ns
        end_ns = start_ns + _latency_ns(row["latency_s"])
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": row["model"],
            "bfcl.category": row["category"],
            "bfcl.case": row["case"],
        }
        if reading.provider:
            attributes["gen_ai.provider.name"] = reading.provider
        for column, name in (("input_tokens", "input_tokens"), ("output_tokens", "output_tokens")):
            if row[column]:
                attributes[f"gen_ai.usage.{name}"] = whole_number(row[column], column)
        error = _error_of(row)
        if error:
            attributes |= {"error.type": error, "bfcl.error_type": row["error_type"]}
        span = Span(
            trace_id=reading.naming.trace_id(number),
            span_id=reading.naming.span_id(number),
            name=f"chat {row['model']}",
            kind=SpanKind.CLIENT,
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=attributes,
            resource=resource,
            status=_ERROR if error else 0,
        )
        return Row(number, end_ns, (span,))

    return converted(table_rows(lines, BFCL_COLUMNS), convert)


def _error_of(row: Mapping[str, str]) -> str:
    if row["valid"] == "1":
        return ""
    if row["valid"] != "0":
        raise UnreadableRowError(f"valid is {row['valid'][:40]!r}, neither 0 nor 1")
    graded = row["error_type"] or "invalid"
    return "validation_error" if graded.startswith(CONTRACT_BREAKS) else graded


def _latency_ns(text: str) -> int:
    if not text:
        return 0  # not measured
    try:
        latency_s = float(text)
    except ValueError as error:
        raise UnreadableRowError(f"latency_s is {text[:40]!r}, which is no number") from error
    if not 0 <= latency_s < 86_400:
        raise UnreadableRowError(f"latency_s is {text[:40]!r}, which no run takes")
    return round(latency_s * NANO)
