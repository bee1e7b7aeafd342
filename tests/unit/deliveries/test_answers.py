from datetime import timedelta

import pytest
from tests.unit.deliveries.notices import NOW

from tidegate.deliveries.formats.answers import excerpt_of, receipt_of, wait_of
from tidegate.deliveries.model import ChannelKind, Outcome

WEBHOOK, SLACK, PAGERDUTY = ChannelKind.WEBHOOK, ChannelKind.SLACK, ChannelKind.PAGERDUTY


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        (WEBHOOK, 200, Outcome.DELIVERED),
        (WEBHOOK, 204, Outcome.DELIVERED),
        (PAGERDUTY, 202, Outcome.DELIVERED),
        (WEBHOOK, 410, Outcome.GONE),
        (SLACK, 410, Outcome.DEAD),
        (WEBHOOK, 404, Outcome.RETRY),
        (SLACK, 404, Outcome.DEAD),
        (PAGERDUTY, 400, Outcome.DEAD),
        *((kind, status, Outcome.RETRY) for kind in ChannelKind for status in (408, 425, 429, 500, 502, 503)),
        (WEBHOOK, 304, Outcome.RETRY),
        (SLACK, 100, Outcome.RETRY),
    ],
)
def test_an_answer_means_what_its_status_and_the_kind_say(kind: ChannelKind, status: int, outcome: Outcome) -> None:
    assert receipt_of(kind, status, retry_after="", excerpt="", now=NOW).outcome is outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("999999999999999999999", 43_200),
        ("Sat, 07 Feb 2026 14:01:00 GMT", 60),
        ("Sat, 07 Feb 2026 13:00:00 GMT", 1),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("\u0663", None),
    ],
)
def test_a_receiver_says_when_to_try_again_within_reason(text: str, seconds: int | None) -> None:
    assert wait_of(text, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("status", "is_heard"), [(429, True), (503, True), (500, False)])
def test_only_who_is_asked_to_wait_waits(status: int, *, is_heard: bool) -> None:
    receipt = receipt_of(WEBHOOK, status, retry_after="60", excerpt="", now=NOW)
    assert (receipt.after == timedelta(seconds=60)) is is_heard


def test_what_is_kept_of_an_answer_is_short_and_holds_no_secret() -> None:
    url = "https://hooks.slack.example/services/T0/B0/abcdefgh"
    body = f"no: {url} Bearer abcdefghijklmnop ann@example.com \x1b[31m".encode() + b"x" * 5_000
    kept = excerpt_of(body, secrets=(url,))
    assert len(kept) <= 256
    for hidden in ("services", "abcdefghijklmnop", "ann@example.com", "\x1b"):
        assert hidden not in kept


@pytest.mark.parametrize("length", range(1, 40))
def test_half_of_a_secret_at_the_end_of_a_cut_answer_is_not_kept(length: int) -> None:
    secret = "k" + "e" * 38 + "y"
    kept = excerpt_of(b"no " + b" " * 4_000 + secret[:length].encode(), secrets=(secret,), is_cut=True)
    assert "ke" not in kept
