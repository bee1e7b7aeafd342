"""Signing in by a provider, and its settings, for people."""

import contextlib
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from tidegate.edge.caller import SESSION_COOKIE, Limits, Role, is_over_tls
from tidegate.edge.csrf import FormProven
from tidegate.edge.html import PageRenderer, Pages, page_router
from tidegate.edge.providers import provide
from tidegate.identity.acting import Acting
from tidegate.identity.doors import ActingAdmin
from tidegate.identity.forms import Problem, address_of, base_url_of, begin_session, leading, user_agent_of
from tidegate.identity.providers.errors import ProviderNotFoundError, ProviderSignInRefusedError
from tidegate.identity.providers.model import Provider, ProviderWish, own_path
from tidegate.identity.providers.service import ProviderService
from tidegate.identity.providers.sign_in import CameBack, ProviderSignIn, SignedIn
from tidegate.identity.providers.signing_out import ProviderSignOut
from tidegate.identity.roles import is_within
from tidegate.identity.service import IdentityService
from tidegate.identity.sessions.service import SessionService
from tidegate.identity.sign_in_page import SignInChoice
from tidegate.kernel import InvalidInputError, TidegateError, UnavailableError, WorkspaceId

__all__ = ["COOKIE", "proof_choices", "router", "sign_in_choices"]

COOKIE = "tidegate_provider"
_COOKIE_PATH = "/sign-in/callback"
_COOKIE_LENGTH_S = 600
_PATH = "/identity-provider"
_GIVEN_ROLES = (Role.VIEWER, Role.AGENT, Role.ENGINEER, Role.APPROVER, Role.RELEASE_MANAGER, Role.ADMIN)
_FIELDS = {
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "publicUrl": "public_url",
    "emailDomains": "email_domains",
    "defaultRole": "default_role",
    "groupsClaim": "groups_claim",
    "groupRoles": "group_roles",
}
_NOT_STORED = {"cache-control": "no-store"}  # Back-Channel Logout 1.0, section 2.8
_log = structlog.get_logger("tidegate.providers")
router = page_router()
SignOut = Annotated[ProviderSignOut, provide(ProviderSignOut)]
SignIn = Annotated[ProviderSignIn, provide(ProviderSignIn)]
Providers = Annotated[ProviderService, provide(ProviderService)]
_Text = Annotated[str, Form(max_length=1_100)]
_Long = Annotated[str, Form(max_length=50_000)]
_Asked = Annotated[str, Query(max_length=4_096)]


async def sign_in_choices(_: Request) -> tuple[SignInChoice, ...]:
    """Return what the sign-in page offers besides: the same to all, since nobody has named a workspace yet."""
    return (SignInChoice("Sign in with your identity provider", "/sign-in/with"),)


async def proof_choices(request: Request, workspace: WorkspaceId, back_to: str) -> tuple[SignInChoice, ...]:
    """Return how the provider of the workspace proves anew who somebody is; none when there is no provider."""
    signing_in: ProviderSignIn = request.app.state.services[ProviderSignIn]
    try:
        provider = await signing_in.provider_of(workspace)
    except ProviderNotFoundError:
        return ()
    asked = urlencode({"next": back_to, "prove": "1"})
    return (SignInChoice(f"Sign in again with {provider.host}", f"/sign-in/with/{workspace}?{asked}"),)


@router.get("/sign-in/with")
async def choose_provider(request: Request, signing_in: SignIn, pages: Pages, workspace: _Asked = "") -> Response:
    """Ask for the workspace, then show where its people sign in."""
    name = workspace.strip()
    if not name:
        return _sign_in_page(request, pages)
    try:
        provider = await signing_in.provider_of(WorkspaceId(name))
    except ProviderNotFoundError as error:
        return _sign_in_page(request, pages, workspace=name, problem=Problem.of(error, field="workspace"))
    return _sign_in_page(request, pages, workspace=name, host=provider.host)


@router.get("/sign-in/with/{workspace}")
async def begin_sign_in(  # noqa: PLR0917 - FastAPI passes them by name
    workspace: str,
    request: Request,
    signing_in: SignIn,
    pages: Pages,
    to: Annotated[_Asked, Query(alias="next")] = "",
    *,
    prove: bool = False,
) -> Response:
    """Send the browser to the provider of the workspace.

    Who comes from a page of somebody else is asked first: that page could sign a person in as somebody else.
    With `prove` the provider asks the person again, whoever is signed in there.
    """
    try:
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            provider = await signing_in.provider_of(WorkspaceId(workspace))
            return _sign_in_page(request, pages, workspace=workspace, host=provider.host, to=own_path(to))
        started = await signing_in.begin(WorkspaceId(workspace), next_path=to, is_proof=prove)
    except TidegateError as error:
        return _sign_in_page(request, pages, problem=Problem.of(error))
    answer = RedirectResponse(started.url, 303, {"cache-control": "no-store"})
    answer.set_cookie(
        COOKIE,
        started.cookie,
        max_age=_COOKIE_LENGTH_S,
        path=_COOKIE_PATH,
        secure=started.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/sign-in/callback/{workspace}")
async def finish_sign_in(  # noqa: PLR0913 - one argument a parameter of the protocol
    workspace: str,
    request: Request,
    signing_in: SignIn,
    pages: Pages,
    *,
    state: _Asked = "",
    code: _Asked = "",
    error: _Asked = "",
    iss: Annotated[str | None, Query(max_length=1_100)] = None,
) -> Response:
    """Prove what the provider sent and begin a session under a new secret."""
    came = CameBack(state, code, iss, bool(error), request.cookies.get(COOKIE, ""), user_agent_of(request))
    limits: Limits | None = request.app.state.limits
    try:
        done = await _finished(signing_in, WorkspaceId(workspace), came, limits=limits, address=address_of(request))
    except TidegateError as refusal:
        problem = Problem.of(refusal)
        answer = problem.on(_sign_in_page(request, pages, workspace=workspace, problem=problem))
    else:
        await _end_replaced(request, WorkspaceId(workspace), done.member)
        answer = begin_session(request, done.session, path=done.next, is_secure=done.is_secure)
    answer.delete_cookie(COOKIE, path=_COOKIE_PATH, httponly=True, samesite="lax")
    return answer


@router.post("/sign-in/backchannel-logout/{workspace}")
async def sign_out_by_provider(
    workspace: str, request: Request, signing_out: SignOut, logout_token: Annotated[str, Form(max_length=65_536)] = ""
) -> Response:
    """End the sessions that the provider says ended there; the provider calls this, no browser does."""
    limits: Limits | None = request.app.state.limits
    try:
        await signing_out.sign_out(WorkspaceId(workspace), logout_token)
    except ProviderSignInRefusedError as error:
        _log.warning("logout refused", workspace=workspace, reason=error.reason)
        if limits is not None:
            limits.refuse_guessing(address_of(request))
            limits.note_wrong(address_of(request))
        return JSONResponse({"error": "invalid_request"}, 400, _NOT_STORED)
    return Response(status_code=200, headers=_NOT_STORED)


@router.get(_PATH)
async def show_provider(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, by: ActingAdmin, providers: Providers, pages: Pages, done: str = ""
) -> Response:
    """Show the provider and the form that sets it."""
    provider = await _found(providers, by)
    words = {"set": "The identity provider is set.", "removed": "The identity provider is removed."}.get(done, "")
    return _settings_page(request, by, pages, provider=provider, done=words)


@router.post(_PATH, dependencies=[FormProven])
async def set_provider(  # noqa: PLR0913 - one argument a field
    request: Request,
    by: ActingAdmin,
    providers: Providers,
    pages: Pages,
    *,
    issuer: _Text = "",
    client_id: _Text = "",
    client_secret: _Text = "",
    public_url: _Text = "",
    email_domains: _Long = "",
    default_role: _Text = "",
    groups_claim: _Text = "",
    group_roles: _Long = "",
) -> Response:
    """Set the provider."""
    given = {
        "issuer": issuer,
        "client_id": client_id,
        "public_url": public_url,
        "email_domains": email_domains,
        "default_role": default_role,
        "groups_claim": groups_claim,
        "group_roles": group_roles,
    }
    try:
        wish = ProviderWish(
            issuer=issuer.strip(),
            client_id=client_id.strip(),
            client_secret=client_secret or None,
            public_url=public_url.strip() or base_url_of(request),
            email_domains=tuple(email_domains.lower().replace(",", " ").split()),
            default_role=_role_of(default_role, "default_role") if default_role else None,
            groups_claim=groups_claim.strip() or "groups",
            group_roles=_group_roles_of(group_roles),
        )
        await providers.set_provider(by.caller.workspace, wish, by=by)
    except UnavailableError:
        raise
    except TidegateError as error:
        problem = Problem.of(error)
        problem = replace(problem, field=_FIELDS.get(problem.field or "", problem.field))
        provider = await _found(providers, by)
        return problem.on(_settings_page(request, by, pages, provider=provider, problem=problem, given=given))
    return leading(f"{_PATH}?done=set")


@router.post(f"{_PATH}/remove", dependencies=[FormProven])
async def remove_provider(by: ActingAdmin, providers: Providers) -> Response:
    """Remove the provider."""
    await providers.remove_provider(by.caller.workspace, by=by)
    return leading(f"{_PATH}?done=removed")


@router.post(f"{_PATH}/test", dependencies=[FormProven])
async def test_provider(request: Request, by: ActingAdmin, providers: Providers, pages: Pages) -> Response:
    """Ask the provider now what it publishes."""
    try:
        trial = await providers.try_provider(by.caller.workspace)
    except TidegateError as error:
        problem = Problem.of(error)
        return problem.on(_settings_page(request, by, pages, provider=await _found(providers, by), problem=problem))
    words = f"The identity provider answers, with {trial.key_count} keys that can be used."
    return _settings_page(request, by, pages, provider=await _found(providers, by), done=words)


async def _finished(
    signing_in: ProviderSignIn, workspace: WorkspaceId, came: CameBack, *, limits: Limits | None, address: str
) -> SignedIn:
    try:
        return await signing_in.finish(workspace, came)
    except ProviderSignInRefusedError:
        # Only who proves nothing waits: behind one proxy others sign in.
        if limits is not None:
            limits.refuse_guessing(address)
            limits.note_wrong(address)
        raise


async def _end_replaced(request: Request, workspace: WorkspaceId, member: str) -> None:
    """End the session that this browser had, if it was the same person's: nobody could use it again."""
    services = request.app.state.services
    identity: IdentityService = services[IdentityService]
    sessions: SessionService = services[SessionService]
    with contextlib.suppress(TidegateError):
        caller = await identity.caller_of_session(request.cookies.get(SESSION_COOKIE, ""))
        if (caller.workspace, caller.member) == (workspace, member):
            await sessions.end(workspace, caller.actor, by=Acting(caller))


async def _found(providers: ProviderService, by: Acting) -> Provider | None:
    try:
        return await providers.get_provider(by.caller.workspace)
    except ProviderNotFoundError:
        return None


def _sign_in_page(
    request: Request,
    pages: PageRenderer,
    *,
    workspace: str = "",
    host: str = "",
    to: str = "/",
    problem: Problem | None = None,
) -> Response:
    return pages.render(
        request,
        "identity/provider_sign_in.html",
        status=problem.status if problem else 200,
        workspace=workspace,
        host=host,
        to=to,
        problem=problem,
    )


def _settings_page(  # noqa: PLR0913 - what the page is made of
    request: Request,
    by: Acting,
    pages: PageRenderer,
    *,
    provider: Provider | None,
    problem: Problem | None = None,
    given: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    roles = [str(role) for role in _GIVEN_ROLES if is_within(role, by.caller.role)]
    scheme = "https" if is_over_tls(request) else request.url.scheme
    base_url = f"{scheme}://{request.headers.get('host', '')}"
    return pages.render(
        request,
        "identity/provider.html",
        section="members",
        status=problem.status if problem else 200,
        provider=provider,
        given=given or _given_of(provider, base_url),
        role_options=[("", "none: members and invited people only"), *((role, role) for role in roles)],
        problem=problem,
        done=done,
        base_url=base_url,
    )


def _given_of(provider: Provider | None, base_url: str) -> dict[str, str]:
    if provider is None:
        blank = dict.fromkeys(("issuer", "client_id", "email_domains", "default_role", "group_roles"), "")
        return {**blank, "public_url": base_url, "groups_claim": "groups"}
    return {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "public_url": provider.redirect_uri.partition("/sign-in/")[0],
        "email_domains": " ".join(provider.email_domains),
        "default_role": provider.default_role or "",
        "groups_claim": provider.groups_claim,
        "group_roles": "\n".join(f"{group} = {role}" for group, role in sorted(provider.group_roles.items())),
    }


def _group_roles_of(text: str) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        group, is_there, role = line.rpartition("=")
        if not is_there:
            raise InvalidInputError(f"{line!r}: write `group = role`.", field="group_roles")
        found[group.strip()] = _role_of(role.strip(), "group_roles")
    return found


def _role_of(text: str, field: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is no role.", field=field) from error
