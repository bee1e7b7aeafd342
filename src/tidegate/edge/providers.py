"""How a door gets the service it calls: by its type, from what `app` put together."""

from typing import Any, TypeVar

from fastapi import Depends, Request

__all__ = ["provide"]

Service = TypeVar("Service")


def provide(service: type[Service]) -> Any:  # noqa: ANN401 - FastAPI's marker for a dependency has no better type
    """Return the dependency that finds the `service` of this application.

    Write `Gates = Annotated[GateService, provide(GateService)]` beside the routes that use it.
    """

    async def find(request: Request) -> Service:
        found: Service = request.app.state.services[service]
        return found

    return Depends(find)
