"""Who is calling, and how a door asks: an `Authenticator` wired in `app`, scopes checked per route."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

from fastapi import Depends, Request

from tidegate.edge.authority import NOTHING_NAMED, Authorizer, Target, operation_of
from tidegate.edge.proven import Caller, Role, Scope
from tidegate.edge.requests import request_id_of
from tidegate.kernel import CursorBinding, ForbiddenError, UnauthenticatedError, WorkspaceId, bind_cursors

__all__ = [
    "Authenticator",
    "Caller",
    "CurrentCaller",
    "CurrentWorkspace",
    "Role",
    "Scope",
    "WritableWorkspace",
    "Writer",
    "is_over_tls",
    "is_own_origin",
    "is_own_path",
    "permit",
    "requires",
]

SESSION_COOKIE = "tidegate_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator(Protocol):
    """Turns a credential into a caller."""

    async def caller_of_token(self, token: str) -> Caller:
        """Return who holds `token`.

        Raises:
            UnauthenticatedError: it is malformed, unknown, expired or revoked; the answer is the same for all.
        """
        ...

    async def caller_of_session(self, session: str) -> Caller:
        """Return whose browser session this is.

        Raises:
            UnauthenticatedError: it is unknown, expired or ended.
        """
        ...


class Limits(Protocol):
    """How often one may ask; `edge.limits` has them."""

    def take(self, caller: Caller) -> None:
        """Count one request of `caller`.

        Raises:
            TooManyRequestsError: it asks too often.
        """
        ...

    def refuse_guessing(self, address: str | None) -> None:
        """Say to an address, of which one more credential proves nothing, that too many were wrong.

        Raises:
            TooManyRequestsError: there were too many.
        """
        ...

    def note_wrong(self, address: str | None) -> None:
        """Remember that a credential from `address` proved nothing."""
        ...


async def caller_of(request: Request) -> Caller:
    """Return the caller of this request: a bearer token first, else the browser's session.

    Raises:
        UnauthenticatedError: there is neither, or it proves nothing.
        ForbiddenError: a page of another origin sends the browser's session with a write.
    """
    authenticator: Authenticator = request.app.state.authenticator
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError("Send the token as `Authorization: Bearer <token>`.")
        return await authenticator.caller_of_token(token.strip())
    session = request.cookies.get(SESSION_COOKIE)
    if session is None:
        raise UnauthenticatedError(
            "Send a token as `Authorization: Bearer <token>`; `tidegate token create` makes one."
        )
    # SameSite keeps the cookie home in current browsers; the Origin check holds in the others.
    if request.method not in _SAFE_METHODS and not is_own_origin(request):
        raise ForbiddenError(
            "A page of another origin may not act with your session. Open the page here and try again."
        )
    return await authenticator.caller_of_session(session)


def requires(scope: Scope, *others: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that lets in only callers whom the policies permit what the route does.

    `scope`, or one of `others`, is what the route itself asks for besides: a policy that is too wide opens no door.
    """

    async def proven(request: Request) -> Caller:
        caller = await _within_limits(request)
        await permit(request, caller, _named_by(request))
        if not any(map(caller.may, (scope, *others))):
            raise ForbiddenError(
                f"This needs the scope `{scope}`; the credential has `{caller.scope}`. "
                f"`tidegate token create --scope {scope}` makes one that fits."
            )
        request.state.caller = caller
        bind_cursors(_binding_of(request, caller))
        return caller

    return proven


async def _within_limits(request: Request) -> Caller:
    """Return the caller, counted: who asks all the time waits, and so does who guesses credentials."""
    limits: Limits | None = request.app.state.limits
    if limits is None:
        return await caller_of(request)
    try:
        caller = await caller_of(request)
    except UnauthenticatedError:
        # Only who proves nothing waits: behind one proxy, or on one machine, others have good credentials.
        if "authorization" in request.headers or SESSION_COOKIE in request.cookies:
            address = request.client.host if request.client else None
            limits.refuse_guessing(address)
            limits.note_wrong(address)
        raise
    limits.take(caller)
    return caller


async def permit(request: Request, caller: Caller, on: Target = NOTHING_NAMED) -> None:
    """Ask the policies whether `caller` may do what this route does; again, for what only the body names.

    Raises:
        NotPermittedError: they refuse it.
        StepUpRequiredError: the proof of who it is, is too old for it.
    """
    authorizer: Authorizer = request.app.state.authorizer
    await authorizer.authorize(caller, operation_of(request), on, request_id=request_id_of(request.scope))


def _named_by(request: Request) -> Target:
    """Return what the query names: `service` and `environment` are called so on every route."""
    query = request.query_params
    return Target(
        services=frozenset(filter(None, query.getlist("service"))),
        environments=frozenset(filter(None, query.getlist("environment"))),
    )


# They change what of an answer is shown, not which things it is about.
_FREE = frozenset({"cursor", "limit", "format"})


def _binding_of(request: Request, caller: Caller) -> CursorBinding:
    """Return to what the cursors of this request belong: who asks, the list, and the filters."""
    filters = sorted((name, value) for name, value in request.query_params.multi_items() if name not in _FREE and value)
    asked = "&".join(f"{len(name)}:{name}={len(value)}:{value}" for name, value in filters)
    return CursorBinding(request.app.state.cursor_key, (caller.workspace, request.url.path, asked))


def is_own_origin(request: Request) -> bool:
    """Return whether a page of this server sends the request; without the header nobody knows."""
    origin = request.headers.get("origin", "")
    return bool(origin) and origin.partition("://")[2] == request.headers.get("host")


def is_own_path(path: str) -> bool:
    r"""Return whether it is a path of this server; `//host` and `/\\host` are read as another one."""
    return path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()


def is_over_tls(request: Request) -> bool:
    """Return whether the browser speaks TLS, with us or with a proxy before us: its own origin says so."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


CurrentCaller = Annotated[Caller, Depends(requires(Scope.READ))]
Writer = Annotated[Caller, Depends(requires(Scope.WRITE))]


async def _workspace_of_reader(caller: CurrentCaller) -> WorkspaceId:
    return caller.workspace


async def _workspace_of_writer(caller: Writer) -> WorkspaceId:
    return caller.workspace


CurrentWorkspace = Annotated[WorkspaceId, Depends(_workspace_of_reader)]
"""The workspace of a caller who may read."""
WritableWorkspace = Annotated[WorkspaceId, Depends(_workspace_of_writer)]
"""The workspace of a caller who may write."""
