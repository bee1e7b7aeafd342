"""The parts of one running harbor, and who is calling it."""

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from examples.harbor.faults import Fault, FaultSwitches
from examples.harbor.service.access import Action, Denial, find_denial, find_denial_with_hole
from examples.harbor.service.assistant import Assistant
from examples.harbor.service.documents import Document, Documents
from examples.harbor.service.events import Events
from examples.harbor.service.jobs import Jobs
from examples.harbor.service.people import WORKSPACES, Directory, Person
from examples.harbor.service.problems import DENIALS, ApiError
from examples.harbor.service.requests import facts_of
from examples.harbor.service.sessions import Session, Sessions
from examples.harbor.service.telemetry import RequestFacts

# With the fault on, this many of four sign-ins fail: far above the fifth that a rule allows.
FAILING_OF_FOUR = 3
# With the fault on, each read with this number gets what was kept for somebody else.
LEAKING_EACH = 10
SLOW_S = 0.9


@dataclass(frozen=True, slots=True)
class Harbor:
    directory: Directory
    sessions: Sessions
    documents: Documents
    assistant: Assistant
    faults: FaultSwitches
    events: Events
    jobs: Jobs
    sign_in_numbers: "count[int]"
    read_numbers: "count[int]"

    def loses_this_sign_in(self) -> bool:
        """Tell whether the planted fault refuses this sign-in although its password was right."""
        return self.faults.is_on(Fault.FAILING_SIGN_INS) and next(self.sign_in_numbers) % 4 < FAILING_OF_FOUR

    def find_leaked(self, reader: Person) -> Document | None:
        """Return what the planted fault hands out instead: a cache that forgot the tenant in its key."""
        if not self.faults.is_on(Fault.CROSS_TENANT_HOLE) or next(self.read_numbers) % LEAKING_EACH:
            return None
        foreign = next(one for one in WORKSPACES if one.tenant != reader.tenant)
        return next(iter(self.documents.list_documents(foreign.id)), None)

    async def look_up(self) -> None:
        """Take as long as the store of documents takes; with the planted fault that is long."""
        if self.faults.is_on(Fault.SLOW_ROUTE):
            await asyncio.sleep(SLOW_S)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody signed in, and the request they make."""

    person: Person
    facts: RequestFacts

    @property
    def named(self) -> dict[str, str]:
        """Return what goes on everything that this request sets off: each span and event is read on its own."""
        return {
            "tidegate.request_id": self.facts.request_id,
            "tidegate.correlation_id": self.facts.correlation_id,
            "tenant.id": self.facts.tenant or self.person.tenant,
        }


bearer = HTTPBearer(auto_error=False, description="The token of POST /auth/login")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def running_harbor(request: Request) -> Harbor:
    return cast("Harbor", request.app.state.harbor)


def request_facts(request: Request) -> RequestFacts:
    return facts_of(request.scope)


WorkspaceIdPath = Annotated[str, Path(alias="workspaceId", max_length=64)]
DocumentIdPath = Annotated[str, Path(alias="documentId", max_length=64)]
Parts = Annotated[Harbor, Depends(running_harbor)]
Facts = Annotated[RequestFacts, Depends(request_facts)]


async def find_session(harbor: Parts, credentials: Credentials, facts: Facts) -> Session | None:
    """Return the session of the request's token, also an expired one; its hash is on record either way."""
    session = harbor.sessions.find_session(credentials.credentials) if credentials else None
    if credentials:
        facts.auth_method = "bearer"
    if session is not None:
        facts.session_id_hash = session.id_hash
        facts.principal_tenant = session.person.tenant
    return session


FoundSession = Annotated[Session | None, Depends(find_session)]


async def signed_in_caller(harbor: Parts, session: FoundSession, facts: Facts) -> Caller:
    if session is None:
        raise DENIALS[Denial.UNAUTHENTICATED]
    if harbor.sessions.has_expired(session):
        raise ApiError(401, "session_expired", "Your session has ended. Sign in again.", denial=Denial.UNAUTHENTICATED)
    return Caller(session.person, facts)


async def name_target(workspace_id: WorkspaceIdPath, request: Request, harbor: Parts, facts: Facts) -> None:
    """Put on record what the request is about, before anybody is refused."""
    workspace = harbor.directory.find_workspace(workspace_id)
    facts.target_tenant = workspace.tenant if workspace else None
    document_id = request.path_params.get("documentId")
    facts.target_resource = f"document:{document_id}" if document_id else f"workspace:{workspace_id}"


class Allowed:
    """A dependency that lets a request through only when its caller may do `action` in the workspace of the path."""

    def __init__(self, action: Action, *, has_hole: bool = False) -> None:
        self._action = action
        self._has_hole = has_hole

    async def __call__(
        self, workspace_id: WorkspaceIdPath, harbor: Parts, caller: Annotated[Caller, Depends(signed_in_caller)]
    ) -> Caller:
        is_open = self._has_hole and harbor.faults.is_on(Fault.AUTHORIZATION_HOLE)
        decide = find_denial_with_hole if is_open else find_denial
        denial = decide(harbor.directory, caller.person, harbor.directory.find_workspace(workspace_id), self._action)
        if denial is not None:
            raise DENIALS[denial]
        return caller
