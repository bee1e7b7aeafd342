"""How somebody wants a schedule to be, and what of it cannot be. Pure but for the rules of egress."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tidegate.alerts.oncall.calendars import read_calendar
from tidegate.alerts.oncall.errors import CalendarInvalidError, ScheduleInvalidError
from tidegate.alerts.oncall.model import AHEAD, BEHIND, MAX_PEOPLE, Schedule, ScheduleKind, is_name
from tidegate.alerts.oncall.pagerduty import DEFAULT_URL
from tidegate.alerts.oncall.ports import Calling
from tidegate.egress import EgressRefusedError

__all__ = ["Rules", "ScheduleWish", "Settled"]

_MAX_URL: Final = 2_000
_LEAST_REFRESH, _MOST_REFRESH = timedelta(minutes=1), timedelta(days=1)
_MOST_STALE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ScheduleWish:
    """All of a schedule; a secret or file that is left out stays as it was."""

    kind: ScheduleKind
    ical_url: str | None = field(default=None, repr=False)
    ical_file: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    api_url: str = DEFAULT_URL
    remote_id: str = ""
    time_zone: str = "UTC"
    people: Mapping[str, tuple[str, ...]] | None = None
    """`None` keeps what there is."""
    refresh: timedelta = timedelta(minutes=15)
    stale_after: timedelta = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is stored of a wish; `None` keeps what there is."""

    url: str = ""
    host: str = ""
    secret: str | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)


class Rules:
    """What schedules have to keep to; each refusal names its field."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling

    def settled(self, name: str, wish: ScheduleWish, before: Schedule | None, *, now: datetime) -> Settled:
        """Return what to store.

        Raises:
            ScheduleInvalidError: a setting cannot be.
        """
        if not is_name(name):
            raise ScheduleInvalidError("A name has 1 to 63 lower-case letters, digits and hyphens.", field="name")
        _refuse_times(wish)
        if len(wish.people or ()) > MAX_PEOPLE:
            raise ScheduleInvalidError(f"A mapping has at most {MAX_PEOPLE} people.", field="people")
        same = before if before is not None and before.kind is wish.kind else None
        if wish.kind is ScheduleKind.PAGERDUTY:
            return self._pagerduty(wish, same)
        return self._file(wish, same, now) if wish.kind is ScheduleKind.ICAL_FILE else self._address(wish, same)

    def _address(self, wish: ScheduleWish, before: Schedule | None) -> Settled:
        url = wish.ical_url
        if url is None:
            if before is None:
                raise ScheduleInvalidError("Write the address of the calendar.", field="ical.url")
            return Settled(host=before.host)
        if url.lower().startswith("webcal://"):
            url = f"https://{url[9:]}"
        self._refuse_url(url, "ical.url")
        return Settled(host=urlsplit(url).hostname or "", secret=url)

    def _file(self, wish: ScheduleWish, before: Schedule | None, now: datetime) -> Settled:
        if wish.ical_file is None:
            if before is None:
                raise ScheduleInvalidError("Send the calendar.", field="ical.file")
            return Settled(body=before.body)
        try:
            body = wish.ical_file.encode()
            read_calendar(body, from_at=now - BEHIND, until_at=now + AHEAD, zone=wish.time_zone)
        except CalendarInvalidError as error:
            raise ScheduleInvalidError(error.message, field="ical.file") from error
        return Settled(body=body)

    def _pagerduty(self, wish: ScheduleWish, before: Schedule | None) -> Settled:
        self._refuse_url(wish.api_url, "pagerduty.url")
        parts = urlsplit(wish.api_url)
        if parts.query or parts.fragment:
            raise ScheduleInvalidError("Write the address of the API alone.", field="pagerduty.url")
        # A token goes to the place that it was given for, and to no other.
        if wish.token is None and (before is None or before.url != wish.api_url):
            raise ScheduleInvalidError("Write a token of PagerDuty's REST API (read-only).", field="pagerduty.token")
        if wish.token is not None and not _is_token(wish.token):
            raise ScheduleInvalidError("A token has letters, digits and + - _ = . / alone.", field="pagerduty.token")
        return Settled(url=wish.api_url, host=parts.hostname or "", secret=wish.token)

    def _refuse_url(self, url: str, where: str) -> None:
        if len(url) > _MAX_URL:
            raise ScheduleInvalidError(f"An address has at most {_MAX_URL} characters.", field=where)
        try:
            self._calling.check(url, field=where)
        except EgressRefusedError as error:
            raise ScheduleInvalidError(error.message, field=where) from error


def _is_token(text: str) -> bool:
    return text.isascii() and all(each.isalnum() or each in "+-_=./" for each in text) and bool(text)


def _refuse_times(wish: ScheduleWish) -> None:
    try:
        ZoneInfo(wish.time_zone)
    except (ValueError, OSError, KeyError) as error:
        raise ScheduleInvalidError(
            "It is not in the time zone database: name one such as Europe/Berlin.", field="timeZone"
        ) from error
    if not _LEAST_REFRESH <= wish.refresh <= _MOST_REFRESH:
        raise ScheduleInvalidError("It is read each minute to each day.", field="refreshMinutes")
    if not 2 * wish.refresh <= wish.stale_after <= _MOST_STALE:
        raise ScheduleInvalidError(
            "It is stale after two readings that failed at the earliest, after a week at the latest.",
            field="staleAfterMinutes",
        )
