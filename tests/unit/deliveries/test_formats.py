import email
import json
import re
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deliveries.notices import NOW, SECRET, make_channel, make_notice

from tidegate.deliveries.formats.email import is_address, mail_of
from tidegate.deliveries.formats.pagerduty import DEFAULT_URL, pagerduty_of
from tidegate.deliveries.formats.slack import inert, slack_of
from tidegate.deliveries.formats.webhook import webhook_of
from tidegate.deliveries.model import (
    MAX_NOTICE_BYTES,
    PagerDutySettings,
    Secrets,
    fitted,
    is_link,
    notice_json,
    notice_of,
    one_line,
    size_of,
)

HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("<>&@!#*`_~|\r\n\0\u202e\u2028:,;\ud800")), max_size=400
) | st.sampled_from([
    "<!channel> <@U123> <https://evil.example|click>", "@here @channel @everyone",
    "x\r\nBcc: victim@example.com\r\n\r\nbody", "&lt;!channel&gt;", "=?utf-8?q?x?=",
])  # fmt: skip
KEYS = Secrets(("https://hooks.slack.example/services/T/B/x",))


@given(HOSTILE, st.lists(HOSTILE, max_size=4), HOSTILE)
def test_nothing_that_a_tenant_writes_is_markup_or_a_call_in_slack(title: str, lines: list[str], key: str) -> None:
    notice = fitted(make_notice(title=title, lines=tuple(lines), dedup_key=key, links={"alert": key}))
    sent = json.loads(slack_of(KEYS, notice).body)
    texts = [sent["text"], sent["blocks"][0]["text"]["text"]]
    assert all(block["text"]["type"] == "plain_text" for block in sent["blocks"] if "text" in block)
    texts += [block["text"]["text"] for block in sent["blocks"] if block["type"] == "section"]
    for text in texts:
        assert "<" not in text
        assert ">" not in text
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        assert not re.search(r"@(channel|here|everyone)", text, re.IGNORECASE)
    assert (sent["parse"], sent["link_names"], sent["mrkdwn"]) == ("none", False, False)


@given(HOSTILE, st.integers(2, 200))
def test_a_text_for_slack_is_never_cut_within_an_escape(text: str, most: int) -> None:
    shown = inert(text, most)
    assert len(shown) <= most
    assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@given(HOSTILE, st.lists(HOSTILE, max_size=4), HOSTILE)
def test_no_text_becomes_a_header_of_a_mail(title: str, lines: list[str], key: str) -> None:
    notice = fitted(make_notice(title=title, lines=tuple(lines), dedup_key=key))
    raw = mail_of(notice, sender="tidegate@example.com", to=("ann@example.com",), now=NOW)
    read = email.message_from_bytes(raw, policy=SMTP)
    assert set(read.keys()) == {
        "Subject", "From", "To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert read["To"] == "ann@example.com"
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_a_mail_keeps_its_id_over_attempts_and_its_thread_over_notices() -> None:
    def headers(**changes: str) -> tuple[str, str]:
        raw = mail_of(make_notice(**changes), sender="tg@example.com", to=("ann@example.com",), now=NOW)
        read = email.message_from_bytes(raw, policy=SMTP)
        return read["Message-ID"], read["In-Reply-To"]

    assert headers() == headers()
    assert headers()[0] == "<msg_00001@example.com>"
    assert headers(id="msg_2")[1] == headers()[1]
    assert headers(dedup_key="another")[1] != headers()[1]


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@example.com", "ann@", "ann@example.com\r\nBcc: x@example.com", "Ann <ann@example.com>",
     "a b@example.com",
     "ann@example.com, bo@example.com", "änn@example.com", ".ann@example.com", "ann@example..com", "a@" + "x" * 260],
)  # fmt: skip
def test_only_one_bare_address_is_an_address(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("text", ["ann@example.com", "a.b+c@mail.example.com", "root@localhost"])
def test_a_bare_address_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("alert.firing", "trigger"),
        ("alert.escalated", "trigger"),
        ("alert.acknowledged", "acknowledge"),
        ("alert.resolved", "resolve"),
        ("watchdog", "trigger"),
    ],
)
def test_events_of_one_alert_are_one_incident(event: str, action: str) -> None:
    channel = make_channel(PagerDutySettings(DEFAULT_URL))
    sent = json.loads(pagerduty_of(channel, Secrets(("k" * 32,)), make_notice(event=event)).body)
    assert (sent["event_action"], sent["dedup_key"]) == (action, make_notice().dedup_key)
    assert ("payload" in sent) is (action == "trigger")


@pytest.mark.parametrize(("count", "action"), [(0, "acknowledge"), (2, "trigger")])
def test_an_incident_is_acknowledged_with_the_last_alert_of_its_group(count: int, action: str) -> None:
    channel = make_channel(PagerDutySettings(DEFAULT_URL))
    notice = make_notice(event="alert.acknowledged", data={"tidegate": {"unacknowledged": count}})
    assert json.loads(pagerduty_of(channel, Secrets(("k" * 32,)), notice).body)["event_action"] == action


def test_an_event_says_how_grave_it_is_and_where_to_look() -> None:
    channel = make_channel(PagerDutySettings(DEFAULT_URL))
    data = {"commonLabels": {"service": "checkout"}, "alerts": []}
    sent = json.loads(pagerduty_of(channel, Secrets(("k" * 32,)), make_notice(data=data)).body)
    assert sent["routing_key"] == "k" * 32
    assert sent["payload"]["severity"] == "critical"
    assert sent["payload"]["source"] == "checkout"
    assert sent["links"] == [{"href": "https://tidegate.example.com/alerts/alr_1", "text": "alert"}]


def test_a_key_that_pagerduty_does_not_take_is_replaced_by_its_digest() -> None:
    channel = make_channel(PagerDutySettings(DEFAULT_URL))
    sent = json.loads(pagerduty_of(channel, Secrets(("k" * 32,)), make_notice(dedup_key="x" * 256)).body)
    assert sent["dedup_key"].startswith("sha256:")


def test_the_body_of_a_webhook_is_what_the_notice_carries() -> None:
    request = webhook_of(make_channel(), Secrets((SECRET,)), make_notice(), now=NOW)
    assert json.loads(request.body) == make_notice().data
    assert request.headers["webhook-id"] == "msg_00001"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-10**9, 10**9) | HOSTILE,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(HOSTILE, each, max_size=3), max_leaves=12,
), HOSTILE)  # fmt: skip
def test_whatever_a_notice_carries_it_can_be_kept_and_sent(data: object, text: str) -> None:
    notice = fitted(make_notice(data={"alerts": [data], "more": data}, title=text, dedup_key=text, links={text: text}))
    written = json.dumps(notice_json(notice), allow_nan=False)
    written.encode()
    assert "\\u0000" not in written
    assert notice_of(json.loads(written)) == notice
    assert "\n" not in notice.title


@pytest.mark.parametrize("count", [1, 10, 1_000, 20_000])
def test_a_page_that_is_too_large_is_cut_and_says_by_how_much(count: int) -> None:
    alerts = [{"labels": {"service": f"s-{number}"}, "annotations": {"summary": "x" * 100}} for number in range(count)]
    notice = fitted(make_notice(data={"version": "4", "alerts": alerts, "truncatedAlerts": 3}))
    assert size_of(notice) <= MAX_NOTICE_BYTES
    assert len(notice.data["alerts"]) + notice.data["truncatedAlerts"] == count + 3


def test_a_page_whose_words_alone_are_too_large_is_cut_as_well() -> None:
    notice = fitted(make_notice(lines=("\u4e00" * 5_000,) * 100, data={"x": "y" * 100_000}))
    assert size_of(notice) <= MAX_NOTICE_BYTES
    assert notice.title == make_notice().title


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://a b", 'https://x"><script>', "//x", "", "https://x\n", "data:text/html,x"]
)
def test_a_link_that_is_no_plain_address_is_left_out(url: str) -> None:
    assert not is_link(url)
    assert fitted(make_notice(links={"alert": url})).links == {}


def test_a_line_hides_nothing() -> None:
    assert one_line("a\u202eb\r\nc\x1b[31m") == "a b c [31m"
