"""The draft of a post-mortem: Markdown made of recorded events alone, each line with the id of one. Pure.

What others wrote (names of services and tenants, sentences, notes) stands in it as text: no markup of it works, no
address becomes a link, nobody is called by it. Whoever reads it with a program still reads words of others: they stand
in quotation marks, and the ids behind them say whose they are.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from tidegate.alerts.incidents.answers import Known
from tidegate.alerts.incidents.model import EntryKind, EventKind, Incident, TimelineEntry
from tidegate.alerts.incidents.timeline import TITLES
from tidegate.edge.masking import without_tokens
from tidegate.kernel import format_duration, format_utc

__all__ = ["inert", "post_mortem"]

_MOST_CHARACTERS: Final = 500
_MOST_NAMED: Final = 50
_STEPS: Final = (EventKind.ACKNOWLEDGED, EventKind.MITIGATED, EventKind.RESOLVED)
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()#+!|~^$=\"'-])")
_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# An unseen joint (U+2060) inside of what programs would make a link or a call of.
_ADDRESS: Final = re.compile(r"(:(?=/)|@|(?<=[wW]{3})(?=\.))")
_UNPRINTED: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]+"
)


def inert(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, on one line."""
    flat = " ".join(_UNPRINTED.sub(" ", without_tokens(text)).split())
    cut = flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"
    escaped = _MARKUP.sub(r"\\\1", "".join(_ENTITIES.get(each, each) for each in cut))
    return _ADDRESS.sub("\\1\u2060", escaped)


def post_mortem(known: Known) -> str:
    """Return the draft. Every line that is not empty ends with the id of a recorded event."""
    lines = [*_summary(known), "", *_affected(known), "", *_told(known)]
    return "\n".join(lines) + "\n"


def _summary(known: Known) -> Iterator[str]:
    incident, first = known.incident, f"{known.incident.id}/1"
    yield f"# Post-mortem (draft): “{inert(incident.title)}” [{first}]"
    yield ""
    yield f"## Summary [{first}]"
    yield ""
    yield f"- {incident.severity}, opened {_at(incident.opened_at)} by {inert(incident.opened_by)} [{first}]"
    yield from _beginning(known)
    yield from _ends(known.timeline, incident)


def _beginning(known: Known) -> Iterator[str]:
    fired = [entry for entry in known.timeline if entry.kind is EntryKind.ALERT]
    if fired:
        yield f"- First recorded of its alerts {_at(fired[0].at)}: “{inert(fired[0].words)}” [{fired[0].source}]"
    changes = [entry for entry in known.timeline if entry.kind in {EntryKind.RELEASE, EntryKind.FREEZE}]
    for entry in changes[:_MOST_NAMED]:
        yield f"- Near the start, {_at(entry.at)}: {entry.title}: “{inert(entry.words)}” [{entry.source}]"


def _ends(timeline: Sequence[TimelineEntry], incident: Incident) -> Iterator[str]:
    """Yield how long it took, by the steps that ended the waiting."""
    own = [entry for entry in timeline if entry.kind is EntryKind.INCIDENT]
    moments = (incident.acknowledged_at, incident.mitigated_at, incident.resolved_at)
    for place, (kind, moment) in enumerate(zip(_STEPS, moments, strict=True)):
        word, may_be = kind.value, {TITLES[each] for each in _STEPS[place:]}  # who resolves it, acknowledges it
        step = next((entry for entry in own if entry.at == moment and entry.title in may_be), None)
        if moment is not None and step is not None:
            length = format_duration(moment - incident.started_at) if moment > incident.started_at else "0s"
            yield f"- {word.capitalize()} {_at(moment)}, {length} after the start, by {inert(step.by)} [{step.source}]"
    if incident.is_open:
        yield f"- Not resolved yet: the state is {incident.state} [{own[-1].source}]"


def _affected(known: Known) -> Iterator[str]:
    first = f"{known.incident.id}/1"
    yield f"## Affected [{first}]"
    yield ""
    entries: dict[str, str] = {}
    for entry in known.timeline:
        if entry.kind is EntryKind.ALERT and entry.alert is not None:
            entries.setdefault(entry.alert, entry.source)
    seen: set[tuple[str, str]] = set()
    for alert in known.alerts:
        source = entries.get(str(alert.id), first)
        for what, name in (("Service", alert.service), ("Tenant", alert.tenant)):
            if name is not None and (what, name) not in seen and len(seen) < _MOST_NAMED:
                seen.add((what, name))
                yield f"- {what} “{inert(name)}” [{source}]"
    count = len(known.incident.services) + len(known.incident.tenants)
    if count > len(seen):
        yield f"- And {count - len(seen)} more services and tenants [{first}]"


def _told(known: Known) -> Iterator[str]:
    first = f"{known.incident.id}/1"
    yield f"## Timeline [{first}]"
    yield ""
    for entry in known.timeline:
        by = f" by {inert(entry.by)}" if entry.by else ""
        words = f": “{inert(entry.words)}”" if entry.words else ""
        yield f"- {_at(entry.at)} {entry.title}{by}{words} [{entry.source}]"
    if not known.is_whole:
        yield f"- More is recorded than a draft shows: what the alerts did later is left off [{first}]"


def _at(moment: datetime) -> str:
    return format_utc(moment)
