from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, bearer, client_of

from tidegate.edge.caller import Role
from tidegate.identity.members.routes import router as members
from tidegate.identity.scim import ProvisioningService, ProvisioningWish, build_scim
from tidegate.identity.scim.routes import answer_missing, mapping, scim
from tidegate.identity.sessions.routes import router as sessions
from tidegate.kernel import WorkspaceId

WISH = ProvisioningWish(Role.VIEWER, {"Engineers": Role.ENGINEER, "Release managers": Role.RELEASE_MANAGER})


async def provision(installation: Installation, workspace: WorkspaceId, domain: str = "example.com") -> None:
    """Let people of a domain in by a provider, and map two groups."""
    await installation.owner.execute(
        "INSERT INTO identity_providers (workspace, issuer, client_id, redirect_uri, email_domains, groups_claim,"
        " group_roles, set_at, set_by)"
        " VALUES ($1, 'https://idp.test', 'c', 'https://x/cb', $2, 'groups', '{}', now(), 'x')",
        workspace,
        [domain],
    )
    await installation.get(ProvisioningService).set_provisioning(workspace, WISH, by=installation.operator(workspace))


@pytest.fixture
def application(installation: Installation) -> FastAPI:
    installation.services |= build_scim(installation.database, installation.trail, people=installation.services)
    built = installation.application(scim, mapping, members, sessions)
    built.state.error_shapes = {scim.prefix: answer_missing}
    return built


@pytest.fixture
async def directory(installation: Installation, application: FastAPI, workspace: WorkspaceId) -> httpx.AsyncClient:
    """Return who provisions the workspace: a token that can do nothing else."""
    await provision(installation, workspace)
    return client_of(application, **bearer(await installation.operator_token(workspace, "provision")))


@pytest.fixture
def make_user(directory: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def make(email: str, **more: Any) -> dict[str, Any]:
        made = await directory.post("/scim/v2/Users", json={"userName": email, **more})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    return make
