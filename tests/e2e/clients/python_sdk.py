"""A service with the official SDK: `python_sdk.py http|grpc`; a request, two log records and a metric are sent."""

import sys
import time

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # type: ignore[assignment] # twins
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # type: ignore[assignment]
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # type: ignore[assignment]

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])

request = {"http.request.method": "GET", "http.route": "/items", "http.response.status_code": 200, "tenant.id": "acme"}
with traces.get_tracer("shop").start_as_current_span("GET /items", kind=SpanKind.SERVER, attributes=request):
    logger = logs.get_logger("shop")
    logger.emit(timestamp=time.time_ns(), severity_number=SeverityNumber.WARN, body="the shelf is nearly empty")
    logger.emit(
        timestamp=time.time_ns(),
        event_name="usage.recorded",
        attributes={"tidegate.meter": "items", "tidegate.quantity": 3, "tenant.id": "acme"},
    )
metrics.get_meter("shop").create_gauge("process.threads", unit="{thread}").set(7)

for provider in (traces, logs, metrics):
    provider.shutdown()
