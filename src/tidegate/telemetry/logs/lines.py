"""Lines that programs write for people: web servers, sshd, PAM, OpenStack. Pure.

Only the first 4,096 characters of a line are looked at, by patterns without nested repetition: a line of any length and
content takes less than a millisecond. A line without a year says nothing about when: the record's own time counts.
"""

import re
from typing import Final

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.model import Event

LOOKED_AT: Final = 4_096
_NOTHING: Final[Event] = {}
_MAX_REPEATED: Final = 1_000_000  # of a column of 32 bits, in thousandths: 4 million
_NANO: Final = 1_000_000_000
_MAX_DURATION_S: Final = 1e9

# Combined and common log format, as nginx and Apache write it: 203.0.113.9 - ada [10/Oct/2000:13:55:36 -0700] "GET …"
_ACCESS: Final = re.compile(
    r'(?P<address>[^\s"]{1,255}) [^\s"]{1,255} [^"\[]{0,255}\[(?P<time>[^\]"]{11,40})\] '
    r'"(?P<method>[A-Z]{3,16}) (?P<target>[^\s"]{1,2048})(?: HTTP/[\d.]{1,3})?" (?P<status>\d{3}) (?:\d{1,19}|-)'
    r"(?=\s|$)"
)
# What OpenStack's services write before every message: [req-… user tenant - - -]
_CONTEXT: Final = re.compile(r"\[(?P<request>req-[0-9a-f-]{36})(?: \S{1,64} (?P<tenant>[^\s\]]{1,64}))?")
# nova's: … INFO nova.osapi_compute.wsgi.server [req-… user tenant - - -] 10.11.10.1 "GET /v2/… HTTP/1.1" status: 200 …
_OPENSTACK: Final = re.compile(
    r"\[(?:(?P<request>req-[0-9a-f-]{36})(?: (?P<user>\S{1,64}) (?P<tenant>\S{1,64})[^\]]{0,128})?|-)\] "
    r'(?P<address>[^\s"]{1,255}) "(?P<method>[A-Z]{3,16}) (?P<target>[^\s"]{1,2048}) HTTP/[\d.]{1,3}" '
    r"status: (?P<status>\d{3}) len: \d{1,19} time: (?P<seconds>\d{1,9}(?:\.\d{1,12})?)"
)
_SSHD: Final = re.compile(r"\bsshd(?:-session)?\[\d{1,10}\]: (?P<message>.{1,1024})")
_REPEATED: Final = re.compile(r"message repeated (?P<count>\d{1,7}) times: \[ ?(?P<message>.{1,1024}?)\]?\s*$")
_SSHD_FAILED: Final = re.compile(
    r"Failed (?P<method>[\w/.-]{1,64}) for (?:invalid user )?.{0,255} from (?P<address>\S{1,255}) port \d{1,5}"
)
_SSHD_ACCEPTED: Final = re.compile(
    r"Accepted (?P<method>[\w/.-]{1,64}) for .{0,255} from (?P<address>\S{1,255}) port \d{1,5}"
)
_SSHD_INVALID: Final = re.compile(r"Invalid user .{0,255} ?from (?P<address>\S{1,255})(?: port \d{1,5})?\s*$")
# Older PAM names itself after the program: sshd(pam_unix)[19939]: authentication failure; … rhost=218.188.2.4
_PAM_OLD: Final = re.compile(
    r"\b(?P<program>[\w.-]{1,32})\(pam_\w{1,16}\)\[\d{1,10}\]: authentication failure;[^;]{0,512}?"
    r"\brhost=(?P<address>\S{0,255})"
)
# Later ones: sudo: pam_unix(sudo:auth): authentication failure; …. Those of sshd repeat what sshd says itself.
_PAM: Final = re.compile(
    r"\bpam_\w{1,16}\((?!sshd[:)])(?P<program>[\w.-]{1,32}):auth\): authentication failure;[^;]{0,512}?"
    r"\brhost=(?P<address>\S{0,255})"
)
_SEGMENT_OF_AN_ID: Final = re.compile(
    r"\d+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{13,}|(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}|[\w-]{33,}"
)
_MAX_SEGMENTS: Final = 8
_MAX_ROUTE: Final = 128


def event_of_line(line: str) -> Event:
    """Return what a recognised line counts as; nothing for any other line."""
    line = line[:LOOKED_AT]
    # Cheap words first: most lines are none of these, and the patterns cost a microsecond each.
    if "[req-" in line or '" status: ' in line:
        return _openstack(line)
    if "sshd" in line:
        return _sshd(line) or _pam(line)
    if "authentication failure" in line:
        return _pam(line)
    if '"' in line and "[" in line:
        return _access(line)
    return _NOTHING


def route_of(target: str, *, tenant: str = "") -> str:
    """Return the path without its query, ids in it replaced: routes are few, paths are not."""
    path = target.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    segments = path.split("/")
    shown = [_shown(segment, tenant) for segment in segments[: _MAX_SEGMENTS + 1]]
    if len(segments) > _MAX_SEGMENTS + 1:
        shown.append("…")
    return "/".join(shown)[:_MAX_ROUTE] or "/"


def request_columns(method: str, target: str, status: str) -> dict[str, object]:
    """Return the columns of a request that every kind of access line has."""
    return {
        "families": FAMILY_BITS["request"],
        "http_method": method,
        "route": route_of(target),
        "http_status": int(status),
    }


def _shown(segment: str, tenant: str) -> str:
    if tenant and segment == tenant:
        return "{tenantId}"
    return "{id}" if _SEGMENT_OF_AN_ID.fullmatch(segment) else segment


def _access(line: str) -> Event:
    found = _ACCESS.match(line)
    if found is None:
        return _NOTHING
    columns = request_columns(found["method"], found["target"], found["status"])
    return {**columns, "client_address": found["address"]}


def _openstack(line: str) -> Event:
    found = _OPENSTACK.search(line)
    if found is None:
        context = _CONTEXT.search(line)
        return _NOTHING if context is None else {"request_id": context["request"], "tenant": _named(context["tenant"])}
    tenant = _named(found["tenant"])
    columns = request_columns(found["method"], found["target"], found["status"])
    if tenant:
        columns |= {
            "families": FAMILY_BITS["request"] | FAMILY_BITS["tenant"],
            "tenant": tenant,
            "route": route_of(found["target"], tenant=tenant),
        }
    return {
        **columns,
        "request_id": found["request"] or "",
        "client_address": found["address"].partition(",")[0],
        "duration_ns": round(min(float(found["seconds"]), _MAX_DURATION_S) * _NANO),
    }


def _named(word: str | None) -> str:
    return "" if word in {None, "-"} else str(word)


def _sshd(line: str) -> Event:
    found = _SSHD.search(line)
    if found is None:
        return _NOTHING
    message, times = found["message"], 1
    repeated = _REPEATED.match(message)
    if repeated is not None:
        message, times = repeated["message"], min(max(int(repeated["count"]), 1), _MAX_REPEATED)
    for pattern, outcome in _SSHD_SAYS:
        said = pattern.match(message)
        if said is not None:
            method = said.groupdict().get("method", "")
            return _sign_in(outcome, address=said["address"], method=method, times=times)
    return _NOTHING


def _pam(line: str) -> Event:
    for pattern in _PAM_SAYS:
        found = pattern.search(line)
        if found is not None:
            return _sign_in("failure", address=found["address"], method=found["program"], times=1)
    return _NOTHING


def _sign_in(outcome: str, *, address: str, method: str, times: int) -> Event:
    return {
        "families": FAMILY_BITS["auth"],
        "outcome": outcome,
        "client_address": address,
        "object": method,
        "auth_method": method,
        "weight_milli": times * 1_000,
    }


_SSHD_SAYS: Final = ((_SSHD_FAILED, "failure"), (_SSHD_ACCEPTED, "success"), (_SSHD_INVALID, "unauthorized"))
_PAM_SAYS: Final[tuple[re.Pattern[str], ...]] = (_PAM_OLD, _PAM)
