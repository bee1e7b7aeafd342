"""Customer-service runs with all their messages: an agent span a run, a tool span a call."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.rows import converted
from tidegate.replays.model import (
    NANO,
    Attributes,
    Reading,
    Row,
    Span,
    SpanEvent,
    SpanKind,
    UnreadableFileError,
    UnreadableRowError,
    Value,
)

# The file keeps the order of things and no times: a second a message, a minute a run.
_MESSAGE_NS = NANO
_RUN_NS = 60 * NANO
_ERROR = 2  # OTLP's StatusCode
_FAILED = "Error"
"""How the answer of a tool that failed begins."""


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a run, in the order of the file, counted from 1.

    Raises:
        UnreadableFileError: it is no list of runs.
    """
    try:
        runs = json.loads("".join(lines))
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"the JSON cannot be read: {error}") from error
    if not isinstance(runs, list):
        raise UnreadableFileError("it is no list of runs")
    resource = reading.resource("tau")
    return converted(enumerate(runs, 1), lambda number, run: _Run(reading, resource, number, run).row())


class _Run:
    def __init__(self, reading: Reading, resource: Attributes, number: int, run: Any) -> None:  # noqa: ANN401 - JSON
        if not isinstance(run, Mapping) or not isinstance(run.get("traj"), list):
            raise UnreadableRowError("the run has no list `traj`")
        self._reading = reading
        self._resource = resource
        self._number = number
        self._run = run
        self._start_ns = reading.start_ns + (number - 1) * _RUN_NS + reading.shift_ns
        self._trace_id = reading.naming.trace_id(number)
        self._agent_id = reading.naming.span_id(number, "agent")

    def row(self) -> Row:
        messages = [message for message in self._run["traj"] if isinstance(message, Mapping)]
        answers = [
            (place, str(message.get("tool_call_id")), str(message.get("content") or ""))
            for place, message in enumerate(messages)
            if message.get("role") == "tool"
        ]
        tools = [
            self._tool(place, call, answers)
            for place, message in enumerate(messages)
            for call in message.get("tool_calls") or ()
            if isinstance(call, Mapping)
        ]
        agent = self._agent(len(messages))
        return Row(self._number, agent.end_ns, (*tools, agent))

    def _agent(self, message_count: int) -> Span:
        end_ns = self._start_ns + max(1, message_count) * _MESSAGE_NS
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "tau-bench",
            "gen_ai.conversation.id": f"task {self._run.get('task_id')} trial {self._run.get('trial')}",
        }
        if self._reading.model:
            attributes["gen_ai.request.model"] = self._reading.model
        if self._reading.provider:
            attributes["gen_ai.provider.name"] = self._reading.provider
        reward = self._run.get("reward")
        events: tuple[SpanEvent, ...] = ()
        if isinstance(reward, int | float):
            score: dict[str, Value] = {
                "gen_ai.evaluation.name": "reward",
                "gen_ai.evaluation.score.value": float(reward),
                "gen_ai.evaluation.score.label": "pass" if reward == 1 else "fail",
            }
            events = (SpanEvent(end_ns, "gen_ai.evaluation.result", score),)
        return Span(
            trace_id=self._trace_id,
            span_id=self._agent_id,
            name="invoke_agent tau-bench",
            start_ns=self._start_ns,
            end_ns=end_ns,
            attributes=attributes,
            resource=self._resource,
            events=events,
        )

    def _tool(self, place: int, call: Mapping[str, Any], answers: Sequence[tuple[int, str, str]]) -> Span:
        call_id = str(call.get("id"))
        function = call.get("function")
        tool = str(function.get("name") if isinstance(function, Mapping) else "unknown")
        # A run may use an id again: what answers a call is the next message with its id.
        answered_at, answer = next(
            ((at, text) for at, answered_id, text in answers if at > place and answered_id == call_id), (place + 1, "")
        )
        has_failed = answer.startswith(_FAILED)
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": call_id,
        }
        if has_failed:
            attributes["error.type"] = "tool_error"
        return Span(
            trace_id=self._trace_id,
            span_id=self._reading.naming.span_id(self._number, "tool", place, call_id),
            parent_id=self._agent_id,
            name=f"execute_tool {tool}",
            kind=SpanKind.INTERNAL,
            start_ns=self._start_ns + place * _MESSAGE_NS,
            end_ns=self._start_ns + max(answered_at, place) * _MESSAGE_NS,
            attributes=attributes,
            resource=self._resource,
            status=_ERROR if has_failed else 0,
            status_message=answer[:200] if has_failed else "",
        )
