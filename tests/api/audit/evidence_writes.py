"""Evidence and known keys: one valid call and one that is refused for each."""

import secrets
from typing import Any, Final

from tests.api.audit.entries import Entry, api
from tests.api.audit.writing import Call, Left, World

from tidegate.attestations import new_private_key

NONE: Final = "evd_00000000000000000000"
REASON: Final = {"reason": "it was wrong"}


def wish(**changes: Any) -> dict[str, Any]:
    made = {"kind": "adr", "title": secrets.token_hex(8), "owner": "sre", "commit": "c" * 40, "body": "We decided."}
    return {key: value for key, value in (made | changes).items() if value is not None}


async def evidence_of(world: World, **changes: Any) -> str:
    made: str = (await world.api("POST", "/api/v1/evidence", json=wish(**changes))).answer.json()["id"]
    return made


async def add(world: World) -> Left:
    return await world.api("POST", "/api/v1/evidence", json=wish())


async def review(world: World) -> Left:
    path = f"/api/v1/evidence/{await evidence_of(world)}/reviews"
    return await world.of_session("POST", path, json={"verdict": "accepted"})


async def review_wrongly(world: World) -> Left:
    path = f"/api/v1/evidence/{await evidence_of(world)}/reviews"
    return await world.of_session("POST", path, json={"verdict": "passed"})


async def link_of(world: World) -> str:
    return await evidence_of(world, body=None, uri="https://evidence.invalid/notes")


async def fetch(world: World) -> Left:
    return await world.api("POST", f"/api/v1/evidence/{await link_of(world)}/fetch")


async def fetch_what_has_no_link(world: World) -> Left:
    return await world.api("POST", f"/api/v1/evidence/{await evidence_of(world)}/fetch")


async def verify(world: World) -> Left:
    return await world.api("POST", f"/api/v1/evidence/{await evidence_of(world)}/verify")


async def verify_what_is_not_there(world: World) -> Left:
    return await world.api("POST", f"/api/v1/evidence/{await link_of(world)}/verify")


async def withdraw(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/evidence/{await evidence_of(world)}", json=REASON)


def by_form(verb: str, *, with_link: bool = False, **fields: str) -> Call:
    async def call(world: World) -> Left:
        made = await (link_of if with_link else evidence_of)(world)
        return await world.form(f"/evidence/{made}/{verb}", **fields)

    return call


async def add_key(world: World) -> Left:
    body = {"name": secrets.token_hex(8), "publicKey": new_private_key().public.pem}
    return await world.api("POST", "/api/v1/evidence-keys", json=body)


async def remove_key(world: World) -> Left:
    made = (await add_key(world)).answer.json()["id"]
    return await world.api("DELETE", f"/api/v1/evidence-keys/{made}")


EVIDENCE: Final[dict[str, Entry]] = {
    "POST /api/v1/evidence": Entry(
        add, api("POST", "/api/v1/evidence", json=wish(kind="none")), ("evidence:attach",), "evidence/evd_"),
    "POST /api/v1/evidence/{evidence_id}/reviews": Entry(
        review, review_wrongly, ("evidence:review",), "evidence/evd_"),
    "POST /api/v1/evidence/{evidence_id}/fetch": Entry(
        fetch, fetch_what_has_no_link, ("evidence:check",), "evidence/evd_"),
    "POST /api/v1/evidence/{evidence_id}/verify": Entry(
        verify, verify_what_is_not_there, ("evidence:check",), "evidence/evd_"),
    "DELETE /api/v1/evidence/{evidence_id}": Entry(
        withdraw, api("DELETE", f"/api/v1/evidence/{NONE}", json=REASON), ("evidence:withdraw",), "evidence/evd_"),
    "POST /evidence/{evidence_id}/review": Entry(
        by_form("review", verdict="accepted"), by_form("review", verdict="passed"), ("evidence:review",),
        "evidence/evd_"),
    "POST /evidence/{evidence_id}/fetch": Entry(
        by_form("fetch", with_link=True), by_form("fetch"), ("evidence:check",), "evidence/evd_"),
    "POST /evidence/{evidence_id}/withdraw": Entry(
        by_form("withdraw", **REASON), by_form("withdraw"), ("evidence:withdraw",), "evidence/evd_"),
    "POST /api/v1/evidence-keys": Entry(
        add_key, api("POST", "/api/v1/evidence-keys", json={"name": "ci", "publicKey": "x"}),
        ("evidence-keys:add",), "evidence-key/evk_"),
    "DELETE /api/v1/evidence-keys/{key_id}": Entry(
        remove_key, api("DELETE", "/api/v1/evidence-keys/none"), ("evidence-keys:remove",), "evidence-key/evk_"),
}  # fmt: skip
