from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from tidegate.jobs import JobCounts
from tidegate.signals import Family, Totals, figures_of
from tidegate.signals.exposition import exposition_of, openmetrics_of
from tidegate.signals.service import RetainedFamily

REQUESTS = RetainedFamily(
    Family.REQUEST,
    figures_of(Family.REQUEST, Totals(count=7, success_count=5, failure_count=2)),
    {"route": {"/runs": 6, "/auth": 1}},
    buckets=[(1.5, 4), (3.0, 2), (200.0, 1)],
    spent_s=0.25,
)


def test_openmetrics_says_how_long_events_took_and_which_trace_to_look_at() -> None:
    families = {
        one.name: one for one in text_string_to_metric_families(openmetrics_of([REQUESTS], {"/runs": "ab"}).decode())
    }
    buckets = [
        (one.labels["le"], one.value)
        for one in families["tidegate_request_duration_seconds"].samples
        if "le" in one.labels
    ]
    assert buckets == [("0.0015", 4.0), ("0.003", 6.0), ("0.2", 7.0), ("+Inf", 7.0)]
    routes = {one.labels["route"]: one.exemplar for one in families["tidegate_request_by_route"].samples}
    assert routes["/auth"] is None
    assert routes["/runs"] is not None
    assert routes["/runs"].labels == {"trace_id": "ab"}


def test_plain_text_has_the_same_counters_and_no_exemplars() -> None:
    text = exposition_of([REQUESTS]).decode()
    families = {one.name: one for one in plain_families(text)}
    assert families["tidegate_request_request"].samples[0].value == 7
    assert "trace_id" not in text


def test_jobs_are_gauges_by_kind() -> None:
    jobs = [JobCounts("a.b", waiting=3, running=1, dead=2, oldest_wait_s=12.5)]
    for text in (exposition_of([REQUESTS], jobs).decode(), openmetrics_of([REQUESTS], {}, jobs).decode()):
        assert 'tidegate_jobs_waiting{kind="a.b"} 3.0' in text
        assert 'tidegate_jobs_running{kind="a.b"} 1.0' in text
        assert 'tidegate_jobs_dead{kind="a.b"} 2.0' in text
        assert 'tidegate_jobs_oldest_wait_seconds{kind="a.b"} 12.5' in text
    assert "tidegate_jobs" not in exposition_of([REQUESTS]).decode()
