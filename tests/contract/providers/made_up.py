"""A provider of identities on loopback that says whatever a test wants, and a browser that goes there and back."""

import base64
import contextlib
import hashlib
import json
import secrets
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
from aiohttp import web
from fastapi import FastAPI
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.api.identity.people import Installation, client_of

from tidegate.edge.caller import SESSION_COOKIE, Caller, Role
from tidegate.identity import IdentityService
from tidegate.identity.providers import ProviderService, ProviderWish
from tidegate.identity.providers.pages import COOKIE
from tidegate.identity.providers.pages import router as provider_pages
from tidegate.identity.providers.routes import router as provider_routes
from tidegate.kernel import WorkspaceId

CLIENT = "tidegate"
SECRET = "client secret: with/characters%"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})

EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KEYS = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}
Alter = Callable[[dict[str, Any]], None]


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = RSA) -> str:
    """Return a token, also such a one as no library would sign."""
    full = {"alg": "RS256", "kid": "rsa", **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    algorithm = full.get("alg")
    if isinstance(algorithm, str) and algorithm in KEYS and key is not None:
        registry = jws.JWSRegistry(algorithms=list(KEYS), strict_check_header=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.serialize_compact(full, json.dumps(claims).encode(), key, registry=registry)
    head = f"{unpadded(json.dumps(full).encode())}.{unpadded(json.dumps(claims).encode())}"
    return f"{head}."


def unpadded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class MadeUpProvider:
    """Keeps to the protocol as long as nothing is altered."""

    def __init__(self) -> None:
        self.url = ""
        self.reset(now=datetime.now().astimezone())

    def reset(self, *, now: datetime) -> None:
        self.now = now
        self.claims: dict[str, Any] = {"sub": "s-1", "email": "ann@example.com", "email_verified": True, "name": "Ann"}
        self.userinfo: dict[str, Any] = {}
        self.alter: Alter = lambda _: None
        self.sign: Callable[[dict[str, Any]], str] = signed
        self.metadata: dict[str, Any] = {}
        self.keys: list[dict[str, Any]] = [key.as_dict(private=False) for key in (RSA, EC, ED)]
        self.redeemed: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.token_status = 200
        self._codes: dict[str, dict[str, str]] = {}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["MadeUpProvider"]:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def authorize(self, url: str) -> dict[str, str]:
        """Let somebody in who came by `url`, and return what the browser brings back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    async def _configuration(self, _: web.Request) -> web.Response:
        self.asked.append("configuration")
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(found | self.metadata)

    async def _keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": self.keys})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.redeemed.append({**form, "authorization": request.headers.get("authorization", "")})
        asked = self._codes.pop(form["code"], None)
        challenge = unpadded(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or self.token_status != 200 or asked["code_challenge"] != challenge:
            return web.json_response({"error": "invalid_grant", "hint": "secret of the provider"}, status=400)
        now = int(self.now.timestamp())
        claims = {"iss": self.url, "aud": CLIENT, "nonce": asked["nonce"], "iat": now, "exp": now + 300, **self.claims}
        if "max_age" in asked:
            claims = {"auth_time": now, **claims}
        self.alter(claims)
        return web.json_response({"id_token": self.sign(claims), "access_token": "access", "token_type": "Bearer"})

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.asked.append(f"userinfo {request.headers['authorization']}")
        return web.json_response(self.userinfo)


@dataclass
class Worlds:
    """A workspace, its provider, and browsers that sign in."""

    installation: Installation
    workspace: WorkspaceId
    provider: MadeUpProvider
    application: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.application = self.installation.application(provider_pages, provider_routes)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        return client_of(self.application, **headers)

    async def set_provider(self, workspace: WorkspaceId | None = None, **changes: Any) -> None:
        wish: dict[str, Any] = {
            "issuer": self.provider.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "public_url": "http://tidegate.test",
            "email_domains": ("example.com",),
            "default_role": Role.ENGINEER,
        }
        where = workspace or self.workspace
        by = self.installation.operator(where)
        await self.installation.get(ProviderService).set_provider(where, ProviderWish(**(wish | changes)), by=by)

    async def begin(self, browser: httpx.AsyncClient, *, next_path: str = "") -> str:
        """Return where the browser is sent."""
        answer = await browser.get(f"/sign-in/with/{self.workspace}", params={"next": next_path} if next_path else {})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def come_back(
        self, browser: httpx.AsyncClient, brought: dict[str, str], *, workspace: str = ""
    ) -> httpx.Response:
        return await browser.get(f"/sign-in/callback/{workspace or self.workspace}?{urlencode(brought)}")

    async def sign_in(self, *, next_path: str = "") -> httpx.Response:
        """Go there and back in a browser of its own."""
        browser = self.browser()
        brought = self.provider.authorize(await self.begin(browser, next_path=next_path))
        return await self.come_back(browser, brought)

    async def signed_in(self) -> Caller:
        """Return who is signed in after going there and back."""
        answer = await self.sign_in()
        assert answer.status_code == 303, answer.text
        return await self.installation.get(IdentityService).caller_of_session(answer.cookies[SESSION_COOKIE])

    async def refusal(self, answer: httpx.Response) -> str:
        """Return the recorded reason, having seen that nothing began."""
        assert answer.status_code == 401, (answer.status_code, answer.headers)
        assert SESSION_COOKIE not in answer.cookies
        assert answer.headers["content-type"].startswith("text/html")
        assert "secret of the provider" not in answer.text
        workspace, deed = self.installation.trail.deeds[-1]
        assert (workspace, deed.action, deed.outcome) == (self.workspace, "sessions:create", "denied")
        return str(deed.details["reason"])


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def cookie_of(browser: httpx.AsyncClient) -> str:
    return browser.cookies[COOKIE]
