"""Serves a real provider of identities on loopback: `python real_provider.py REDIRECT_URI CLIENT_SECRET`.

Prints its address. Then each line of stdin names the person who is signed in there. It is a process of its own, so that
what it imports and warns of is not ours. It knows `verified` and `unverified`; it has no way of its own to say that it
verified an address, so that one claim is added to what it says of the first.
"""

import datetime as dt
import os
import sys
import threading
import uuid
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback without TLS

import portpicker
from canaille import create_app
from canaille.backends import Backend
from canaille.oidc import endpoints, provider, userinfo
from joserfc.jwk import RSAKey
from pytest_iam import Server

_say = userinfo.generate_user_claims


def _say_more(user: Any, *arguments: Any) -> dict[str, Any]:
    return {**_say(user, *arguments), **({"email_verified": True} if user.user_name == "verified" else {})}


for module in (userinfo, endpoints, provider):
    if hasattr(module, "generate_user_claims"):
        module.generate_user_claims = _say_more


def main(redirect_uri: str, secret: str) -> None:
    port = portpicker.pick_unused_port()
    key = RSAKey.generate_key(2048)
    key.ensure_kid()
    app = create_app(
        config={
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": str(uuid.uuid4()),
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {
                "DATABASE": "memory",
                "JAVASCRIPT": False,
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
            },
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    server = Server(app, port, Backend.instance)
    people = {}
    with app.app_context():
        client = server.models.Client(
            client_id="tidegate",
            client_secret=secret,
            client_name="tidegate",
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "email", "profile", "groups"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
            client_id_issued_at=dt.datetime.now(dt.UTC),
        )
        server.backend.save(client)
        client.audience = [client]
        server.backend.save(client)
        for name in ("verified", "unverified"):
            email = f"{name}.{uuid.uuid4().hex}@example.com"
            people[name] = server.models.User(
                user_name=name, formatted_name=f"Ann {name}", family_name=name, emails=[email], password="none"
            )
            server.backend.save(people[name])
            server.consent(people[name], client)
        operators = server.models.Group(display_name="operators", members=[people["verified"]])
        server.backend.save(operators)
    threading.Thread(target=server.httpd.serve_forever, daemon=True).start()
    print(server.url.rstrip("/"), flush=True)  # noqa: T201 - the one that started it reads it
    for line in sys.stdin:
        server.login(people[line.strip()])
        print("signed in", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main(*sys.argv[1:])
