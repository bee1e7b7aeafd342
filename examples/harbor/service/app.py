"""Assembly: settings to objects to the HTTP application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from fastapi import FastAPI
from opentelemetry._logs import LoggerProvider, NoOpLoggerProvider
from opentelemetry.sdk._logs import LoggerProvider as FlushedLoggerProvider
from opentelemetry.sdk.trace import TracerProvider

from examples.harbor.faults import FaultSwitches
from examples.harbor.service import auth_routes, workspace_routes
from examples.harbor.service.access_sync import AccessSync, Billing
from examples.harbor.service.assistant import Assistant
from examples.harbor.service.connectors import Connectors
from examples.harbor.service.documents import Documents
from examples.harbor.service.events import Events
from examples.harbor.service.harbor import Harbor
from examples.harbor.service.indexing import Indexing
from examples.harbor.service.jobs import Jobs, Queue
from examples.harbor.service.people import Directory
from examples.harbor.service.problems import add_problem_handlers
from examples.harbor.service.requests import RequestTelemetry
from examples.harbor.service.schemas import HealthOut
from examples.harbor.service.sessions import Sessions


async def read_health() -> HealthOut:
    """Say that the process answers."""
    return HealthOut()


def create_app(
    *, version: str, faults: FaultSwitches, provider: TracerProvider, logs: LoggerProvider | None = None
) -> FastAPI:
    """Return the application; its providers are flushed and closed when it shuts down."""
    tracer = provider.get_tracer("examples.harbor")
    logs = logs or NoOpLoggerProvider()
    events = Events(logs.get_logger("examples.harbor"))
    documents = Documents()
    connectors = Connectors(tracer=tracer, events=events)
    jobs = Jobs(
        tracer=tracer,
        is_on=faults.is_on,
        work={
            Queue.INDEXING: Indexing(documents, connectors).work,
            Queue.ACCESS: AccessSync(Billing(), connectors, events=events).work,
        },
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        working = asyncio.create_task(jobs.work_until_cancelled())
        yield
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        # Side by side: each waits up to ten seconds for a receiver that has died.
        flushed = [provider.shutdown, logs.shutdown] if isinstance(logs, FlushedLoggerProvider) else [provider.shutdown]
        await asyncio.gather(*(asyncio.to_thread(shutdown) for shutdown in flushed))

    # No documentation pages: they load their scripts from elsewhere.
    app = FastAPI(title="Harbor", version=version, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.harbor = Harbor(
        directory=Directory(),
        sessions=Sessions(),
        documents=documents,
        assistant=Assistant(tracer=tracer, documents=documents, events=events, is_on=faults.is_on),
        faults=faults,
        events=events,
        jobs=jobs,
        sign_in_numbers=count(),
        read_numbers=count(1),
    )
    app.add_api_route("/healthz", read_health, operation_id="readHealth", tags=["health"])
    app.include_router(auth_routes.router)
    app.include_router(workspace_routes.router)
    app.add_middleware(RequestTelemetry, tracer=tracer)
    add_problem_handlers(app)
    return app
