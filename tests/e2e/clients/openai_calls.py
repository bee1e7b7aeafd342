"""A service that asks a model: `openai_calls.py openinference|openllmetry`; telemetry goes where OTEL_… says."""

import sys

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

if sys.argv[1] == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
else:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor as TraceloopInstrumentor

    TraceloopInstrumentor().instrument(tracer_provider=provider)

client = openai.OpenAI(max_retries=0)  # address and key come from OPENAI_BASE_URL and OPENAI_API_KEY
for question in ("What colour is the sky?", "And the sea?", "How far is the moon?"):
    try:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    except openai.APIStatusError as error:
        print(f"no answer: {error.status_code}")  # noqa: T201 - what the service says when it is run by hand
provider.shutdown()
