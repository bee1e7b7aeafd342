"""PagerDuty's answer to `GET /oncalls` (REST API v2) to shifts. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from tidegate.alerts.oncall.errors import CalendarInvalidError
from tidegate.alerts.oncall.model import Shift, person_of
from tidegate.kernel import InvalidInputError, format_utc, parse_utc

__all__ = ["DEFAULT_URL", "MAX_PAGES", "PAGE", "OnCallPage", "headers_of", "path_of", "read_page"]

DEFAULT_URL: Final = "https://api.pagerduty.com"
PAGE: Final = 100  # PagerDuty's most
MAX_PAGES: Final = 50


@dataclass(frozen=True, slots=True)
class OnCallPage:
    shifts: tuple[Shift, ...]
    has_more: bool


def headers_of(token: str) -> dict[str, str]:
    return {"accept": "application/vnd.pagerduty+json;version=2", "authorization": f"Token token={token}"}


def path_of(schedule: str, from_at: datetime, until_at: datetime, *, offset: int) -> str:
    """Return what is asked for: all shifts of one schedule, with the addresses of people."""
    query = {
        "schedule_ids[]": schedule, "include[]": "users", "since": format_utc(from_at), "until": format_utc(until_at),
        "time_zone": "UTC", "limit": PAGE, "offset": offset,
    }  # fmt: skip
    return f"/oncalls?{urlencode(query)}"


def read_page(body: bytes, *, schedule: str, from_at: datetime, until_at: datetime) -> OnCallPage:
    """Return the shifts of one page. One that has no beginning or no end reaches as far as was asked.

    Raises:
        CalendarInvalidError: it is no such answer.
    """
    try:
        document = json.loads(body)
        entries, has_more = document["oncalls"], document["more"]
        shifts = tuple(_shifts(entries, schedule, from_at, until_at))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidInputError) as error:
        raise CalendarInvalidError("PagerDuty's answer is not one of `GET /oncalls`.") from error
    if not isinstance(has_more, bool):
        raise CalendarInvalidError("PagerDuty's answer does not say whether there is more.")
    return OnCallPage(shifts, has_more)


def _shifts(entries: list[Mapping[str, Any]], schedule: str, from_at: datetime, until_at: datetime) -> Iterator[Shift]:
    for entry in entries:
        if (entry["schedule"] or {}).get("id") != schedule:
            continue  # who is called by a policy without a schedule is on call by none
        starts, ends, user = entry["start"], entry["end"], entry["user"]
        starts_at = from_at if starts is None else parse_utc(starts, field="start")
        ends_at = until_at if ends is None else parse_utc(ends, field="end")
        person = person_of(str(user.get("email") or ""), str(user.get("name") or user.get("summary") or ""))
        if starts_at < ends_at:
            yield Shift(starts_at, ends_at, person)
