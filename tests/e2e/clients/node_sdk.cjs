// A Node service with the official SDK: a request with a run below it, a log record and a metric are sent.
const { context, trace, SpanKind } = require("@opentelemetry/api");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-proto");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-proto");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const resource = resourceFromAttributes({ "service.name": "node-shop", "service.version": "1.4.0" });
const traces = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const logs = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] });
const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() });
const metrics = new MeterProvider({ resource, readers: [reader] });

const tracer = traces.getTracer("node-shop");
const request = tracer.startSpan("POST /orders", {
  kind: SpanKind.SERVER,
  attributes: {
    "http.request.method": "POST", "http.route": "/orders", "http.response.status_code": 201, "tenant.id": "acme",
  },
});
const within = trace.setSpan(context.active(), request);
tracer.startSpan("chat gpt-4o-mini", {
  kind: SpanKind.CLIENT,
  attributes: {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30, "tenant.id": "acme",
  },
}, within).end();
logs.getLogger("node-shop").emit({
  eventName: "usage.recorded", context: within, timestamp: Date.now(),
  attributes: { "tidegate.meter": "orders", "tidegate.quantity": 1, "tenant.id": "acme" },
});
request.end();
metrics.getMeter("node-shop").createCounter("process.orders").add(1);

(async () => {
  for (const provider of [traces, logs, metrics]) await provider.shutdown();
})();
