"""Sending a recording: once, in batches, at a pace, and on from where it stopped."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.replays.recorded import Receiver, write

from tidegate.edge.client import CliError
from tidegate.replays.formats import FORMATS
from tidegate.replays.model import Signal, UnreadableFileError
from tidegate.replays.recording import Connection, Options, Recording, Result
from tidegate.replays.sender import PROTOBUF, Pauses, Sender

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


@dataclass
class Time:
    """A clock that stands still until somebody sleeps."""

    now_s: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def pauses(self) -> Pauses:
        return Pauses(sleep=self.sleep, monotonic=lambda: self.now_s, unix_time=lambda: self.now_s)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


Send = Callable[..., Result]


@pytest.fixture
def send(tmp_path: Path, receiver: Receiver, clock: Time) -> Send:
    def run(path: Path, name: str = "azure-llm", **changes: Any) -> Result:
        to = changes.pop("to", "here")
        options = replace(Options(path=path, form=FORMATS[name]), **changes)
        recording = Recording(options, Connection(receiver, to), clock.pauses(), tmp_path / "cache")
        [result] = recording.send(lambda _name, _count, _tally: None)
        return result

    return run


def requests_of(count: int, *, every_s: int = 0) -> str:
    lines = [f"2023-11-16 {18 + s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}.5,{s},1\n" for s in range(count)]
    return HEADER + "".join(lines if not every_s else lines[::every_s])


def span_ids(receiver: Receiver) -> list[bytes]:
    return [span.span_id for span in receiver.spans()]


def test_a_file_goes_out_in_batches_and_is_summed_up(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    result = send(write(tmp_path, "a.csv.gz", requests_of(4_500)))
    assert (result.tally.rows, result.tally.spans, result.tally.requests) == (4_500, 4_500, 3)
    assert len(set(span_ids(receiver))) == 4_500
    assert result.as_wire()["firstTime"] == "2023-11-16T18:00:00.500Z"
    assert result.as_wire()["lastTime"] == "2023-11-16T19:14:59.500Z"


def test_a_file_that_was_sent_is_not_sent_again_unless_asked(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    send(path)
    assert send(path).is_known
    assert len(span_ids(receiver)) == 10
    send(path, restart=True)
    assert span_ids(receiver)[:10] == span_ids(receiver)[10:]


def test_the_same_text_is_the_same_recording_packed_or_not(tmp_path: Path, send: Send) -> None:
    send(write(tmp_path, "a.csv", requests_of(10)))
    assert send(write(tmp_path, "b.csv.gz", requests_of(10))).is_known
    assert not send(write(tmp_path, "c.csv", requests_of(11))).is_known


def test_another_server_has_not_been_sent_it(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    send(path)
    assert not send(path, to="elsewhere").is_known
    assert len(set(span_ids(receiver))) == 10


def test_what_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    path = write(tmp_path, "a.csv", requests_of(4_500))
    receiver.breaks_after = 1
    with pytest.raises(ConnectionError):
        send(path)
    receiver.breaks_after = None
    result = send(path)
    assert (result.resumed_at, result.tally.rows) == (2_001, 2_500)
    assert len(span_ids(receiver)) == len(set(span_ids(receiver))) == 4_500


def test_a_limit_sends_the_first_rows_and_the_rest_can_follow(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    assert send(path, limit=4).tally.rows == 3  # the header is row 1
    assert send(path).tally.rows == 7
    assert len(set(span_ids(receiver))) == 10


def test_rebased_the_last_event_is_now_and_a_repetition_keeps_the_times(
    tmp_path: Path, send: Send, receiver: Receiver, clock: Time
) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    send(path, rebase="now")
    first = list(receiver.spans())
    assert first[-1].end_time_unix_nano == int(clock.now_s) * 10**9
    assert first[-1].end_time_unix_nano - first[0].end_time_unix_nano == 9 * 10**9
    clock.now_s += 3_600
    send(path, rebase="now", restart=True)
    again = list(receiver.spans())[10:]
    assert [(s.span_id, s.end_time_unix_nano) for s in again] == [(s.span_id, s.end_time_unix_nano) for s in first]


def test_again_is_a_recording_of_its_own(tmp_path: Path, send: Send, receiver: Receiver, clock: Time) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    send(path, rebase="now")
    clock.now_s += 3_600
    send(path, rebase="now", again=True)
    spans = list(receiver.spans())
    assert len({span.span_id for span in spans}) == 20
    assert spans[-1].end_time_unix_nano - spans[9].end_time_unix_nano == 3_600 * 10**9
    assert send(path, rebase="now").is_known


def test_as_recorded_and_rebased_do_not_share_ids(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    send(path)
    send(path, rebase="now")
    assert len(set(span_ids(receiver))) == 20


def test_at_a_speed_event_time_passes_as_fast(tmp_path: Path, send: Send, receiver: Receiver, clock: Time) -> None:
    path = write(tmp_path, "a.csv", requests_of(61, every_s=20))
    send(path, speed=10.0)
    assert sum(clock.slept) == pytest.approx(6.0)
    assert len(receiver.requests) == 4


def test_a_dry_run_sends_and_notes_nothing(tmp_path: Path, send: Send) -> None:
    path = write(tmp_path, "a.csv", requests_of(10))
    assert send(path, dry_run=True).tally.spans == 10
    assert not (tmp_path / "cache").exists()


def test_what_the_server_refuses_is_counted_and_named(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    receiver.refusing = 3
    result = send(write(tmp_path, "a.csv", requests_of(10)))
    assert result.tally.refused == 3
    assert result.tally.reasons == ["a.csv, up to row 11: too long"]


def test_rows_that_cannot_be_read_are_counted_and_the_first_are_named(tmp_path: Path, send: Send) -> None:
    result = send(write(tmp_path, "a.csv", requests_of(3) + "x,y,z\n" * 20))
    assert (result.tally.rows, result.tally.unreadable, len(result.tally.reasons)) == (3, 20, 5)
    assert "20 unreadable" in result.sentence(is_dry=False)


def test_long_log_lines_go_out_in_requests_that_fit(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    line = f"Dec 10 06:55:46 h app: {'x' * 40_000}\n"
    result = send(write(tmp_path, "a.log", line * 600), "sshd", year=2025)
    assert result.tally.logs == len({log.attributes[0].value.string_value for log in receiver.logs()}) == 600
    assert max(len(body) for _, body, _ in receiver.requests) <= 8 * 2**20
    assert {len(log.body.string_value) for log in receiver.logs()} == {32_768}


def test_documents_of_one_signal_share_a_request(tmp_path: Path, send: Send, receiver: Receiver) -> None:
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a" * 32, "spanId": "b" * 16}]}]}]}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "5"}]}]}]}
    text = "".join(json.dumps(each) + "\n" for each in (request, request, logs))
    result = send(write(tmp_path, "a.jsonl", text), "otlp-json")
    assert (result.tally.spans, result.tally.logs) == (2, 1)
    assert [(signal, len(json.loads(body))) for signal, body, _ in receiver.requests] == [("traces", 1), ("logs", 1)]
    assert len(json.loads(receiver.requests[0][1])["resourceSpans"]) == 2


def test_a_folder_is_sent_file_by_file(tmp_path: Path, receiver: Receiver, clock: Time) -> None:
    folder = tmp_path / "recorded"
    (folder / "deep").mkdir(parents=True)
    write(folder, "b.csv", requests_of(2))
    write(folder / "deep", "a.csv.gz", requests_of(3))
    write(folder, "notes.txt", "not of this format")
    options = Options(path=folder, form=FORMATS["azure-llm"])
    recording = Recording(options, Connection(receiver, "here"), clock.pauses(), tmp_path / "cache")
    results = recording.send(lambda _name, _count, _tally: None)
    assert [result.file.name for result in results] == ["b.csv", "a.csv.gz"]
    assert sum(result.tally.spans for result in results) == 5


def test_the_files_of_a_rebased_folder_move_together(tmp_path: Path, receiver: Receiver, clock: Time) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    write(folder, "early.csv", HEADER + "2023-11-16 08:00:00,1,1\n")
    write(folder, "late.csv", HEADER + "2023-11-16 10:00:00,1,1\n")
    options = Options(path=folder, form=FORMATS["azure-llm"], rebase="now")

    def send(options: Options) -> list[int]:
        receiver.requests.clear()
        recording = Recording(options, Connection(receiver, "here"), clock.pauses(), tmp_path / "cache")
        recording.send(lambda _name, _count, _tally: None)
        return [span.end_time_unix_nano for span in receiver.spans()]

    early, late = send(options)
    assert (late - early, late) == (7_200 * 10**9, int(clock.now_s) * 10**9)
    clock.now_s += 60
    assert send(options) == []
    assert send(replace(options, restart=True)) == [early, late]


def test_without_times_the_last_event_is_when_the_file_was_written(
    tmp_path: Path, send: Send, receiver: Receiver
) -> None:
    header = "model,category,case,valid,error_type,input_tokens,output_tokens,latency_s\n"
    path = write(tmp_path, "runs.csv", header + "m,simple,1,1,,1,1,1.5\n" * 11)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    send(path, "bfcl")
    os.utime(path, (1_700_009_000, 1_700_009_000))  # a copy: the first date stays
    send(path, "bfcl", restart=True)
    spans = list(receiver.spans())
    assert spans[10].end_time_unix_nano == spans[21].end_time_unix_nano == 1_700_000_000 * 10**9
    assert spans[10].start_time_unix_nano - spans[0].start_time_unix_nano == 10**9


def test_a_folder_without_such_files_and_a_damaged_file_say_so(tmp_path: Path, send: Send) -> None:
    with pytest.raises(UnreadableFileError, match=r"no file in it is named like \*\.csv"):
        send(tmp_path)
    damaged = write(tmp_path, "a.csv.gz", requests_of(5_000))
    os.truncate(damaged, damaged.stat().st_size // 2)
    with pytest.raises(UnreadableFileError, match=r"a\.csv\.gz: it cannot be read to its end"):
        send(damaged)


def sender_of(answers: list[httpx.Response | Exception], clock: Time, patience_s: float = 60.0) -> Sender:
    def answer(request: httpx.Request) -> httpx.Response:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    client = httpx.Client(base_url="http://tidegate.test", transport=httpx.MockTransport(answer))
    return Sender(client, patience_s=patience_s, pauses=clock.pauses())


@pytest.mark.parametrize(
    ("busy", "slept"),
    [
        pytest.param(httpx.Response(429, headers={"retry-after": "7"}), [7.0], id="as long as it asks"),
        pytest.param(
            httpx.Response(503, headers={"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}), [20.0], id="until a date"
        ),
        pytest.param(httpx.Response(503), [0.5], id="it names no time"),
        pytest.param(httpx.ConnectError("refused"), [0.5], id="nobody there"),
    ],
)
def test_a_busy_server_is_asked_again(busy: httpx.Response | Exception, slept: list[float], clock: Time) -> None:
    sender = sender_of([busy, httpx.Response(200)], clock)
    assert sender.send(Signal.TRACES, b"", PROTOBUF) == (0, "")
    assert clock.slept == slept


def test_patience_ends(clock: Time) -> None:
    sender = sender_of([httpx.Response(503) for _ in range(20)], clock, patience_s=10)
    with pytest.raises(CliError, match="goes on where this one stopped") as raised:
        sender.send(Signal.TRACES, b"", PROTOBUF)
    assert raised.value.exit_code == 7
    assert sum(clock.slept) <= 10


def test_a_refusal_is_said_in_the_servers_words(clock: Time) -> None:
    problem = {"detail": "This token has `read`.", "code": "forbidden", "requestId": "r1"}
    with pytest.raises(CliError, match=r"This token has `read`. \(forbidden, request r1\)") as raised:
        sender_of([httpx.Response(403, json=problem)], clock).send(Signal.LOGS, b"", PROTOBUF)
    assert raised.value.exit_code == 4


def test_a_partial_success_is_read_in_both_languages(clock: Time) -> None:
    as_json = httpx.Response(200, json={"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "old"}})
    as_protobuf = httpx.Response(200, content=b"\x0a\x02\x08\x03", headers={"content-type": PROTOBUF})
    sender = sender_of([as_json, as_protobuf], clock)
    assert sender.send(Signal.LOGS, b"", PROTOBUF) == (2, "old")
    assert sender.send(Signal.TRACES, b"", PROTOBUF) == (3, "")
