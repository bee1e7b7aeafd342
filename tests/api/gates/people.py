"""People of a workspace, and for whom they speak."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # noqa: F401 - named in an annotation
from tests.api.gates.conftest import Api

Owner = "asyncpg.Connection[asyncpg.Record]"
Join = Callable[..., Awaitable[str]]

COMMIT = "c" * 40
RELEASE = {"name": "2026.03.1", "services": [{"service": "harbor", "version": "7", "commit": COMMIT}]}
GATE = """
apiVersion: tidegate/v1
kind: Gate
id: ga-launch
title: Launch
owner: product
checks:
  - {id: walls, title: Walls, kind: regression, source: authz, owner: security}
"""
APPROVAL = "  - {id: agreed, title: Agreed, kind: approval, roles: [security, qa], owner: product}\n"
POLL = "  - {id: poll, title: Launch poll, kind: approval, roles: [sre, qa], poll: true, owner: product}\n"
FREEZE = "  - {id: calendar, title: Calendar, kind: freeze, owner: product}\n"
DESK = "/api/v1/gates/ga-launch/approvals"
OVERRIDES = "/api/v1/gates/ga-launch/overrides"


async def join(owner: Owner, api: Api, name: str, *functions: str, role: str = "approver") -> str:
    """Let a person join who holds these functions; return the id."""
    member = f"usr_{name}{api.workspace.replace('-', '')}"
    await owner.execute(
        "INSERT INTO people (id, email, name, created_at) VALUES ($1, $2, $3, now())",
        member, f"{member}@example.com", name.capitalize(),
    )  # fmt: skip
    await owner.execute(
        """
        INSERT INTO members (workspace, id, kind, role, added_at, added_by)
        VALUES ($1, $2, 'person', $3, now(), 'usr_founder')
        """,
        api.workspace, member, role,
    )  # fmt: skip
    for function in functions:
        await owner.execute(
            "INSERT INTO function_holders (workspace, function, member, named_by, named_at)"
            " VALUES ($1, $2, $3, 'usr_founder', now())",
            api.workspace, function, member,
        )  # fmt: skip
    return member


async def desk_of(api: Api) -> Any:
    answer = await api.get(DESK)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def approve(api: Api, person: str, role: str, *, binding: str | None = None, check: str = "agreed") -> Any:
    seen = binding or (await desk_of(api))["binding"]
    wish = {"check": check, "role": role, "binding": seen}
    return await api.as_person("POST", DESK, person, json=wish)


async def dashboard_of(api: Api) -> Any:
    return (await api.get("/release/dashboard", gate="ga-launch")).json()


async def outcome_of(api: Api, check: str) -> tuple[str, str]:
    found = next(one for one in (await dashboard_of(api))["checks"] if one["check"] == check)
    return found["outcome"], found["reason"]
