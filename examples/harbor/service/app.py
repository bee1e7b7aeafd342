"""Assembly: settings to objects to the HTTP application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider

from examples.harbor.faults import FaultSwitches
from examples.harbor.service import auth_routes, workspace_routes
from examples.harbor.service.assistant import Assistant
from examples.harbor.service.documents import Documents
from examples.harbor.service.harbor import Harbor
from examples.harbor.service.people import Directory
from examples.harbor.service.problems import add_problem_handlers
from examples.harbor.service.requests import RequestTelemetry
from examples.harbor.service.schemas import HealthOut
from examples.harbor.service.sessions import Sessions


async def read_health() -> HealthOut:
    """Say that the process answers."""
    return HealthOut()


def create_app(*, version: str, faults: FaultSwitches, provider: TracerProvider) -> FastAPI:
    """Return the application; `provider` is flushed and closed when it shuts down."""
    tracer = provider.get_tracer("examples.harbor")
    documents = Documents()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(provider.shutdown)

    # No documentation pages: they load their scripts from elsewhere.
    app = FastAPI(title="Harbor", version=version, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.harbor = Harbor(
        directory=Directory(),
        sessions=Sessions(),
        documents=documents,
        assistant=Assistant(tracer=tracer, documents=documents, is_on=faults.is_on),
        faults=faults,
        sign_in_numbers=count(),
    )
    app.add_api_route("/healthz", read_health, operation_id="readHealth", tags=["health"])
    app.include_router(auth_routes.router)
    app.include_router(workspace_routes.router)
    app.add_middleware(RequestTelemetry, tracer=tracer)
    add_problem_handlers(app)
    return app
