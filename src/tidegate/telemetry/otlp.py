"""OTLP/JSON trace requests as messages."""

import base64
from collections.abc import Iterable
from typing import Any

import msgspec
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.telemetry.errors import OtlpMalformedError, SpanInvalidError

MAX_BODY_BYTES = 16 * 2**20
_HEX_FIELDS = ("traceId", "spanId", "parentSpanId")


def parse_json(body: bytes) -> ExportTraceServiceRequest:
    """Read an OTLP/JSON body: ids are hexadecimal there, unknown fields are passed over.

    Raises:
        OtlpMalformedError: it is no JSON or has other shapes.
        SpanInvalidError: an id is not hexadecimal.
    """
    try:
        document = msgspec.json.decode(body)
        _ids_to_base64(document)
        return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OtlpMalformedError("the JSON cannot be read.") from error
    except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
        raise OtlpMalformedError("the JSON has other shapes than OTLP/JSON.") from error


def _ids_to_base64(document: Any) -> None:  # noqa: ANN401 - JSON of unknown shape
    for r, resource_spans in enumerate(document.get("resourceSpans", ())):
        for s, scope_spans in enumerate(resource_spans.get("scopeSpans", ())):
            for i, span in enumerate(scope_spans.get("spans", ())):
                place = f"resourceSpans.{r}.scopeSpans.{s}.spans.{i}"
                _hex_to_base64(span, _HEX_FIELDS, place)
                for k, link in enumerate(span.get("links", ())):
                    _hex_to_base64(link, _HEX_FIELDS[:2], f"{place}.links.{k}")


def _hex_to_base64(holder: dict[str, Any], fields: Iterable[str], place: str) -> None:
    for field in fields:
        if field in holder:
            try:
                holder[field] = base64.b64encode(bytes.fromhex(holder[field])).decode()
            except (ValueError, TypeError) as error:
                raise SpanInvalidError(f"{field} must be hexadecimal.", field=f"{place}.{field}") from error
