"""Reading schedules where others keep them."""

import asyncio
import re
from datetime import datetime
from typing import Final

from tidegate.alerts.oncall.calendars import MAX_CALENDAR_BYTES, read_calendar
from tidegate.alerts.oncall.errors import CalendarInvalidError, ScheduleUnreadError
from tidegate.alerts.oncall.model import AHEAD, BEHIND, MAX_SHIFTS, Roster, Schedule, ScheduleKind, Shift, roster_of
from tidegate.alerts.oncall.pagerduty import MAX_PAGES, PAGE, headers_of, path_of, read_page
from tidegate.alerts.oncall.ports import Calling
from tidegate.egress import EgressFailedError, EgressLimits, EgressRefusedError
from tidegate.kernel import WorkspaceId
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

__all__ = ["LIMITS", "ScheduleReader", "purpose_of"]

# Public calendars take some seconds for a megabyte; nobody waits for this but its own job.
LIMITS: Final = EgressLimits(total_s=30.0, head_s=15.0, body_bytes=MAX_CALENDAR_BYTES)
_PAGES_S: Final = 60.0  # of all pages of one answer: well below the lease of a job, which is renewed meanwhile
_ICAL: Final = {"accept": "text/calendar, */*;q=0.1"}
_UNSPOKEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ScheduleReader:
    """Keeps the promise of `Reader`."""

    def __init__(self, calling: Calling, envelopes: Envelopes) -> None:
        self._calling = calling
        self._envelopes = envelopes

    async def read(self, workspace: WorkspaceId, schedule: Schedule, *, now: datetime) -> Roster:
        from_at, until_at = now - BEHIND, now + AHEAD
        try:
            if schedule.kind is ScheduleKind.PAGERDUTY:
                async with asyncio.timeout(_PAGES_S):
                    return await self._pagerduty(workspace, schedule, from_at, until_at)
            text = schedule.body
            if text is None:
                text = await self._get(self._secret(workspace, schedule), _ICAL, of="The calendar's server")
            # Up to a second of thinking, away from the loop that answers others.
            return await asyncio.to_thread(
                read_calendar, text, from_at=from_at, until_at=until_at, zone=schedule.time_zone
            )
        except TimeoutError as error:
            raise ScheduleUnreadError(f"PagerDuty took longer than {_PAGES_S:.0f} s.") from error
        except (CalendarInvalidError, EgressFailedError, EgressRefusedError, EnvelopeInvalidError) as error:
            raise ScheduleUnreadError(_UNSPOKEN.sub(" ", error.message)[:500]) from error

    async def _pagerduty(
        self, workspace: WorkspaceId, schedule: Schedule, from_at: datetime, until_at: datetime
    ) -> Roster:
        headers = headers_of(self._secret(workspace, schedule))
        found: list[Shift] = []
        for number in range(MAX_PAGES):
            path = path_of(schedule.remote_id, from_at, until_at, offset=number * PAGE)
            body = await self._get(schedule.url.rstrip("/") + path, headers, of="PagerDuty")
            page = read_page(body, schedule=schedule.remote_id, from_at=from_at, until_at=until_at)
            found += page.shifts
            if not page.has_more:
                return roster_of(found, from_at, until_at)
        raise CalendarInvalidError(f"PagerDuty names more than {MAX_SHIFTS:,} shifts.")

    async def _get(self, url: str, headers: dict[str, str], *, of: str) -> bytes:
        answer = await self._calling.call("GET", url, headers=headers)
        if answer.status != 200:
            raise ScheduleUnreadError(f"{of} answered {answer.status}.")
        return answer.body

    def _secret(self, workspace: WorkspaceId, schedule: Schedule) -> str:
        assert schedule.secret is not None  # noqa: S101 - the table says so for all but files
        return self._envelopes.open(workspace, purpose_of(schedule.name), schedule.secret).decode()


def purpose_of(name: str) -> str:
    """Return what the envelope of a schedule is bound to."""
    return f"secret of the schedule {name}"
