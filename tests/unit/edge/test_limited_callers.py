"""At the door: who guesses credentials waits, and a neighbour at the same address does not."""

import httpx
from fastapi import APIRouter
from tests.authority import shipped_authorizer

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import Caller, CurrentCaller, Scope
from tidegate.edge.http import build_http_app
from tidegate.edge.limits import RequestLimits
from tidegate.edge.requests import RequestContext
from tidegate.kernel import SystemClock, UnauthenticatedError, WorkspaceId


class OneToken:
    async def caller_of_token(self, token: str) -> Caller:
        if token != "good":
            raise UnauthenticatedError("This token is not valid here.")
        return Caller(WorkspaceId("acme"), Scope.ADMIN, "tok_1", by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError("This session has ended.")


router = APIRouter()


@router.get("/api/v1/gates")
async def gates(caller: CurrentCaller) -> str:
    return caller.actor


def client(**allowance: int) -> httpx.AsyncClient:
    application = build_http_app(
        version="0",
        authenticator=OneToken(),
        authorizer=shipped_authorizer(),
        limits=RequestLimits(SystemClock(), Allowance(**allowance)),
        services={},
    )
    application.include_router(router)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(RequestContext(application)), base_url="http://tidegate.test/api/v1"
    )


async def test_a_stale_token_locks_nobody_else_out_of_its_address() -> None:
    async with client(attempts=3) as asking:
        wrong = [await asking.get("/gates", headers={"authorization": "Bearer stale"}) for _ in range(5)]
        assert [answer.status_code for answer in wrong] == [401, 401, 401, 429, 429]
        assert wrong[-1].json()["code"] == "too_many_guesses"
        assert int(wrong[-1].headers["retry-after"]) > 0
        assert (await asking.get("/gates", headers={"authorization": "Bearer good"})).status_code == 200
        assert (await asking.get("/gates")).status_code == 401  # who sends nothing guesses nothing


async def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    async with client(of_credential=2) as asking:
        answers = [await asking.get("/gates", headers={"authorization": "Bearer good"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "asked_too_often"
    assert int(answers[-1].headers["retry-after"]) > 0
