"""What harbor tells about itself: the providers of the official SDK, the facts of a request, and JSON log lines."""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Short, so that a first verdict needs no patience: the default of the SDK is 5 s.
EXPORT_DELAY_MS = 250
LOG_FILE_BYTES_MAX = 5_000_000


@dataclass(slots=True)
class RequestFacts:
    """What becomes known about one request while it is served; spans and log lines are written from it."""

    request_id: str
    correlation_id: str
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    auth_method: str = "none"
    session_id_hash: str | None = None
    principal_tenant: str | None = None
    target_tenant: str | None = None
    target_resource: str | None = None
    denial_class: str | None = None
    error_code: str | None = None

    @property
    def tenant(self) -> str | None:
        """Whose data the request is about: the target's, else the caller's own."""
        return self.target_tenant or self.principal_tenant

    def span_attributes(self) -> dict[str, str]:
        named = {
            "tenant.id": self.tenant,
            "tidegate.request_id": self.request_id,
            "tidegate.correlation_id": self.correlation_id,
            "tidegate.auth.method": self.auth_method,
            "session.id": self.session_id_hash,
            "tidegate.principal.tenant": self.principal_tenant,
            "tidegate.target.tenant": self.target_tenant,
            "tidegate.target.resource": self.target_resource,
            "tidegate.denial.class": self.denial_class,
            "tidegate.error_code": self.error_code,
        }
        return {name: value for name, value in named.items() if value is not None}

    def log_fields(self) -> dict[str, str | None]:
        return {
            "requestTimestamp": self.received_at.isoformat(timespec="milliseconds"),
            "requestId": self.request_id,
            "correlationId": self.correlation_id,
            "authMethod": self.auth_method,
            "sessionId": self.session_id_hash,
            "errorCode": self.error_code,
            "denialClass": self.denial_class,
            "targetResource": self.target_resource,
            "tenant": self.tenant,
        }


def make_tracer_provider(*, version: str, environment: str) -> TracerProvider:
    """Return the SDK's provider; endpoint and headers come from the standard `OTEL_EXPORTER_OTLP_*` variables."""
    provider = TracerProvider(resource=_resource(version, environment))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=EXPORT_DELAY_MS))
    return provider


def make_logger_provider(*, version: str, environment: str) -> LoggerProvider:
    """Return the SDK's provider of log records, which carry harbor's events and its request lines."""
    provider = LoggerProvider(resource=_resource(version, environment))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=EXPORT_DELAY_MS))
    return provider


def _resource(version: str, environment: str) -> Resource:
    named = {"service.name": "harbor", "service.version": version, "deployment.environment.name": environment}
    return Resource.create(named)


class JsonLines(logging.Formatter):
    """One JSON object a line. A record's `facts` are its fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        facts = getattr(record, "facts", None)
        if isinstance(facts, Mapping):
            line.update(facts)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_logging(log_file: Path | None) -> None:
    """Send every log line to the rotating file, or to stderr without one."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if log_file is not None:
        handler = RotatingFileHandler(log_file, maxBytes=LOG_FILE_BYTES_MAX, backupCount=1)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
