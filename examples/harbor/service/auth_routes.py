"""Sign-in, sign-out and "who am I"."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from examples.harbor.service.access import Denial
from examples.harbor.service.harbor import Caller, Credentials, Facts, FoundSession, Harbor, Parts
from examples.harbor.service.jobs import Queue, Task
from examples.harbor.service.people import Person
from examples.harbor.service.problems import ApiError
from examples.harbor.service.schemas import ErrorOut, LoginIn, LoginOut, SessionOut

router = APIRouter(prefix="/auth", tags=["auth"])

# What a tenant has paid for is looked at when somebody of it signs in, and not more often than this.
ACCESS_SYNC_EVERY_S = 15.0
REFUSALS: dict[int | str, dict[str, Any]] = {401: {"model": ErrorOut}, 422: {"model": ErrorOut}}


async def person_with(harbor: Harbor, body: LoginIn) -> Person:
    """Return who signs in.

    Raises:
        ApiError: one answer for an unknown address and a wrong password, so that nobody learns which exist.
    """
    # Hashing takes milliseconds of CPU: beside the event loop, or every other request would wait for it.
    is_right = await asyncio.to_thread(harbor.directory.is_password_of, body.email, body.password)
    person = harbor.directory.find_person(body.email)
    if person is None or not is_right or harbor.loses_this_sign_in():
        raise ApiError(401, "invalid_credentials", "E-mail or password is wrong.", denial=Denial.UNAUTHENTICATED)
    return person


@router.post("/login", operation_id="login", responses=REFUSALS)
async def login(body: LoginIn, harbor: Parts, facts: Facts) -> LoginOut:
    """Open a session and return its token."""
    facts.auth_method = "password"
    known = harbor.directory.find_person(body.email)
    facts.principal_tenant = known.tenant if known else None
    facts.target_resource = "session"
    person = await person_with(harbor, body)
    token, session = harbor.sessions.open_session(person, timedelta(seconds=body.session_seconds))
    facts.session_id_hash = session.id_hash
    if harbor.jobs.is_due(Queue.ACCESS, person.tenant, every_s=ACCESS_SYNC_EVERY_S):
        harbor.jobs.enqueue(Queue.ACCESS, Task(person.tenant, person.tenant, Caller(person, facts).named))
    return LoginOut(
        authenticated=True,
        email=person.email,
        name=person.name,
        tenant=person.tenant,
        expires_at=session.expires_at,
        token=token,
    )


@router.post("/logout", operation_id="logout", status_code=204)
async def logout(session: FoundSession, harbor: Parts, credentials: Credentials, facts: Facts) -> None:
    """Close the session, if there is one: signing out twice ends in the same state."""
    facts.target_resource = "session"
    if session is not None and credentials is not None:
        harbor.sessions.close_session(credentials.credentials)


@router.get("/session", operation_id="readSession")
async def read_session(session: FoundSession, harbor: Parts, facts: Facts) -> SessionOut:
    """Say who is signed in.

    Every page asks this when it loads. Nobody being signed in is an answer, not a refusal: as a 401 it would drown
    the refused sign-ins that somebody has to look at.
    """
    facts.target_resource = "session"
    if session is None or harbor.sessions.has_expired(session):
        return SessionOut(authenticated=False)
    person = session.person
    return SessionOut(
        authenticated=True,
        email=person.email,
        name=person.name,
        tenant=person.tenant,
        expires_at=session.expires_at,
    )
