"""Failed sign-ins are recorded by a task, later than the answer; a stop records what waits."""

import asyncio

from tests.unit.identity.fakes import RecordingTrail

from tidegate.audit import Deed, Outcome
from tidegate.identity.acting import Visit
from tidegate.identity.sessions import SignInFailures
from tidegate.kernel import UnavailableError, WorkspaceId

ACME, SHOP = WorkspaceId("acme"), WorkspaceId("shop")


async def test_what_waits_is_recorded_when_the_process_stops() -> None:
    trail = RecordingTrail()
    failures = SignInFailures(trail)
    running = asyncio.create_task(failures.run())
    failures.note([ACME, SHOP], "usr_1", how="password", visit=Visit("192.0.2.1", "Browser"))
    await asyncio.sleep(0)
    assert trail.deeds == []  # not while whoever tried it waits for the answer
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [workspace for workspace, _ in trail.deeds] == [ACME, SHOP]
    deed = trail.deeds[0][1]
    assert (deed.action, deed.outcome, deed.member, deed.target) == (
        "sessions:create",
        Outcome.DENIED,
        "usr_1",
        "member/usr_1",
    )
    assert deed.details == {"how": "password", "address": "192.0.2.1", "userAgent": "Browser"}


async def test_a_record_that_cannot_be_written_holds_up_no_other() -> None:
    class Away(RecordingTrail):
        async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
            if workspace == ACME:
                raise UnavailableError("The audit cannot be written.")
            await super().record(workspace, deed)

    trail = Away()
    failures = SignInFailures(trail)
    failures.note([ACME, SHOP], None, how="link", visit=Visit())
    await failures.flush()
    assert [(workspace, deed.target) for workspace, deed in trail.deeds] == [(SHOP, "sign-in-link")]
