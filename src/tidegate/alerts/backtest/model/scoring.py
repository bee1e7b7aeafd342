"""Episodes held against what really happened: precision, recall and delay together. Pure."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from tidegate.alerts.backtest.model.outcome import Episode, Incident, Score

__all__ = ["score_of"]


def score_of(episodes: Sequence[Episode], incidents: Sequence[Incident], *, end: datetime) -> Score:
    """Return how well `episodes` fit `incidents`; what still fires at `end` fires until then."""
    fired = [episode for episode in episodes if episode.has_fired]
    right: set[int] = set()
    delays: list[float] = []
    for incident in incidents:
        during = [(position, episode) for position, episode in enumerate(fired) if _fits(episode, incident, end=end)]
        right.update(position for position, _ in during)
        if during:
            first = min(episode.alert.fired_at or end for _, episode in during)
            delays.append(max(0.0, (first - incident.start).total_seconds()))
    return Score(len(incidents), len(delays), len(fired), len(right), median(delays) if delays else None)


def _fits(episode: Episode, incident: Incident, *, end: datetime) -> bool:
    alert = episode.alert
    if alert.fired_at is None or alert.fired_at >= incident.end or (alert.resolved_at or end) <= incident.start:
        return False
    return (
        incident.service in {None, alert.service}
        # An alert of all tenants together tells of an incident of one of them as well.
        and (incident.tenant is None or alert.tenant in {None, incident.tenant})
        and incident.code in {None, alert.code}
    )
