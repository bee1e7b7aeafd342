"""Wire shapes of harbor. JSON is camelCase; an unknown field is refused."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from examples.harbor.service.people import Role

Title = Annotated[str, Field(min_length=1, max_length=200)]
Body = Annotated[str, Field(max_length=20_000)]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class ErrorOut(Wire):
    code: str
    """Stable words that a client may switch on."""
    message: str
    request_id: str


class HealthOut(Wire):
    status: Literal["ok"] = "ok"


class LoginIn(Wire):
    email: Annotated[str, Field(min_length=3, max_length=254)]
    password: Annotated[str, Field(min_length=1, max_length=256)]
    session_seconds: Annotated[int, Field(ge=1, le=28_800)] = 3_600
    """How long the session lasts at most."""


class SessionOut(Wire):
    authenticated: bool
    email: str | None = None
    name: str | None = None
    tenant: str | None = None
    expires_at: datetime | None = None


class LoginOut(SessionOut):
    token: str
    """Shown once; send it as `Authorization: Bearer`."""


class DocumentIn(Wire):
    title: Title
    body: Body


class DocumentChangeIn(Wire):
    title: Title | None = None
    body: Body | None = None


class DocumentOut(Wire):
    id: str
    workspace_id: str
    title: str
    body: str
    updated_by: str
    updated_at: datetime


class DocumentsOut(Wire):
    documents: list[DocumentOut]


class MemberOut(Wire):
    email: str
    name: str
    role: Role


class MembersOut(Wire):
    members: list[MemberOut]


class RunIn(Wire):
    question: Annotated[str, Field(min_length=1, max_length=2_000)]
    model: Literal["harbor-small-1", "harbor-large-1"] = "harbor-small-1"


class UsageOut(Wire):
    input_tokens: int
    output_tokens: int
    cost_usd: float


class RunOut(Wire):
    id: str
    outcome: Literal["ok", "policy_blocked"]
    answer: str
    citations: list[str]
    confidence: float
    tool_calls: int
    usage: UsageOut
