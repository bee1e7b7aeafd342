"""AI runs out of the spans of one trace. Pure.

A run is one topmost agent or workflow span, else one inference span without an agent, workflow or inference above it.
A span whose parent is not there counts as topmost; when the parent comes, its trace is counted again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

ROLE_AGENT: Final = "agent"
ROLE_INFERENCE: Final = "inference"
_WORST_FIRST: Final = ("policy_blocked", "validation_error", "failed", "cancelled", "ok")
_RANK: Final = {outcome: rank for rank, outcome in enumerate(_WORST_FIRST)}


class TraceSpan(NamedTuple):
    """What a span contributes to the runs of its trace. A tuple: there are thousands a second."""

    workspace: str
    trace_id: str
    span_id: str
    parent_span_id: str
    second: int
    start_ns: int
    end_ns: int
    distrusted: int
    role: str
    operation: str
    outcome: str
    model: str
    tool: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cost_nano_usd: int | None
    service: str
    environment: str
    release: str
    tenant: str
    error_type: str


@dataclass(frozen=True, slots=True)
class Run:
    """One AI run, counted in the second in which its topmost span ended."""

    root: TraceSpan
    outcome: str
    error_code: str
    model: str
    tenant: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cost_nano_usd: int
    is_priced: bool
    """Whether every span that was counted carries a cost, or the run's own span does."""


def runs_of(spans: Sequence[TraceSpan]) -> list[Run]:
    """Return the runs of one trace; `spans` are all of its spans, each once, in any order."""
    by_id = {span.span_id: span for span in spans}
    owner = {span.span_id: _owner_of(span, by_id) for span in spans}
    members: defaultdict[str, list[TraceSpan]] = defaultdict(list)
    for span in spans:
        root = owner[span.span_id]
        if root is not None and span.role:
            members[root].append(span)
    return [_run_of(by_id[root], below, by_id) for root, below in members.items()]


def _ancestors_of(span: TraceSpan, by_id: Mapping[str, TraceSpan]) -> Iterable[TraceSpan]:
    """Yield parent, grandparent …; stops at a missing parent and at a cycle."""
    seen = {span.span_id}
    parent = by_id.get(span.parent_span_id)
    while parent is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        yield parent
        parent = by_id.get(parent.parent_span_id)


def _owner_of(span: TraceSpan, by_id: Mapping[str, TraceSpan]) -> str | None:
    """Return the span id of the run that `span` belongs to: the topmost agent, else the topmost inference."""
    line = [span, *_ancestors_of(span, by_id)]
    for role in (ROLE_AGENT, ROLE_INFERENCE):
        tops = [one.span_id for one in line if one.role == role]
        if tops:
            # In a cycle nobody is on top: the smallest id is, so that all its members agree.
            return min(tops) if line[-1].parent_span_id in by_id else tops[-1]
    return None


def _run_of(root: TraceSpan, members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]) -> Run:
    outcome, error_code = _outcome_of(members, by_id)
    counted = _counted_for_usage(root, members, by_id)
    costs = [span.cost_nano_usd for span in counted]
    known = [cost for cost in costs if cost is not None]
    if costs and len(known) == len(costs):
        cost, is_priced = sum(known), True
    elif not known and root.cost_nano_usd is not None:
        cost, is_priced = root.cost_nano_usd, True
    else:
        cost, is_priced = 0, False
    return Run(
        root=root,
        outcome=outcome,
        error_code=error_code,
        model=root.model or next((span.model for span in counted if span.model), ""),
        tenant=root.tenant or next((span.tenant for span in sorted(members) if span.tenant), ""),
        input_tokens=sum(span.input_tokens for span in counted),
        output_tokens=sum(span.output_tokens for span in counted),
        cached_input_tokens=sum(span.cached_input_tokens for span in counted),
        cost_nano_usd=cost,
        is_priced=is_priced,
    )


def _counted_for_usage(
    root: TraceSpan, members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]
) -> list[TraceSpan]:
    """Return the spans whose tokens count: leaf inference spans, else the run's own. Aggregates are never added."""
    inferences = [span for span in members if span.role == ROLE_INFERENCE]
    above = {
        ancestor.span_id
        for span in inferences
        for ancestor in _ancestors_of(span, by_id)
        if ancestor.role == ROLE_INFERENCE
    }
    leaves = [span for span in inferences if span.span_id not in above]
    return sorted(leaves) if leaves else [root]


def _outcome_of(members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]) -> tuple[str, str]:
    """Return the worst outcome and its error type; of several the first with a name, however the spans arrived."""
    left = _not_made_good(members)
    # An error without a name says only that something below went wrong: what is below and has a name is the cause.
    explained = {above.span_id for span in left if span.error_type for above in _ancestors_of(span, by_id)}
    causes = [s for s in left if s.error_type or s.outcome != "failed" or s.span_id not in explained]
    if not causes:
        return "ok", ""
    worst = min(causes, key=lambda span: (_RANK[span.outcome], not span.error_type, span.start_ns, span.span_id))
    return worst.outcome, worst.error_type


def _not_made_good(members: Sequence[TraceSpan]) -> list[TraceSpan]:
    """Return the spans that went wrong, without attempts that a later one of the same step made good."""
    steps: defaultdict[tuple[str, str, str], list[TraceSpan]] = defaultdict(list)
    for span in members:
        key = span.tool or span.model
        # Spans without a parent in common are no attempts of one step.
        steps[span.parent_span_id or span.span_id, span.operation, key].append(span)
    left: list[TraceSpan] = []
    for attempts in steps.values():
        attempts.sort(key=lambda span: (span.start_ns, span.end_ns, span.span_id))
        last_good = max((i for i, span in enumerate(attempts) if span.outcome == "ok"), default=-1)
        left += [span for span in attempts[last_good + 1 :] if span.outcome in _RANK]
    return left
