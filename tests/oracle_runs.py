"""AI runs out of the spans of one trace, span by span: what `tidegate.signals.runs` has to say as well.

A run is one topmost agent or workflow span, else one inference span without an agent, workflow or inference above it.
A span whose parent is not there counts as topmost; when the parent comes, its trace is counted again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tests.price_books import QuotingBook
from tidegate.signals.prices.model import Usage
from tidegate.signals.spans import LINK_SLACK_S, MAX_SPAN_S, MAX_TRACE_SPANS

NANO: Final = 1_000_000_000
ROLE_AGENT: Final = "agent"
ROLE_INFERENCE: Final = "inference"
_WORST_FIRST: Final = ("policy_blocked", "validation_error", "failed", "cancelled", "ok")
_MAX_COST_NANO_USD: Final = 2**62  # the column holds 2**63: a hostile sum must not come back negative
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
    provider: str = ""
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    ttfc_ns: int = 0

    @property
    def begun_ns(self) -> int:
        return max(self.start_ns, self.end_ns - MAX_SPAN_S * NANO)


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
    cost_source: str = "unpriced"
    price_version: str = ""
    provider: str = ""
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    ttfc_ns: int = 0
    span_count: int = 0
    is_parent_missing: bool = False


def runs_of(spans: Sequence[TraceSpan], book: QuotingBook | None = None) -> list[Run]:
    """Return the runs of one trace; `spans` are all of its spans, each once, in any order."""
    is_cut_off = len(spans) >= MAX_TRACE_SPANS
    spans = sorted(spans, key=lambda span: (span.start_ns, span.span_id))[:MAX_TRACE_SPANS]
    there = {span.span_id: span for span in spans}
    spans = [_linked(span, there) for span in spans]
    by_id = {span.span_id: span for span in spans}
    tops = _tops_of(spans, by_id)
    members: defaultdict[str, list[TraceSpan]] = defaultdict(list)
    for span in spans:
        root = tops[span.span_id].agent or tops[span.span_id].inference
        if root is not None and span.role:
            members[root].append(span)
    runs = [_run_of(by_id[root], below, by_id, book) for root, below in members.items()]
    runs = [replace(run, root=there[run.root.span_id]) for run in runs]
    # What was cut off is not known, and unknown is not good.
    return [replace(run, outcome="failed", error_code="trace_too_large") for run in runs] if is_cut_off else runs


def _linked(span: TraceSpan, there: Mapping[str, TraceSpan]) -> TraceSpan:
    """Return `span` under another parent's id, which nobody has, when it is no part of its parent's work."""
    parent = there.get(span.parent_span_id)
    slack = LINK_SLACK_S * NANO
    if parent is None or (span.begun_ns <= parent.end_ns + slack and span.end_ns >= parent.begun_ns - slack):
        return span
    return span._replace(parent_span_id=f"{_CUT}{span.parent_span_id}")


_CUT: Final = "cut:"


class _Tops(NamedTuple):
    """Who stands on top of a span, itself included."""

    agent: str | None
    inference: str | None
    is_cycle: bool
    """Whether the way up never ends: nobody is on top then, and the smallest id is, so that all members agree."""


_NOBODY: Final = _Tops(None, None, is_cycle=False)


def _tops_of(spans: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]) -> dict[str, _Tops]:
    """Return the tops of each span. Linear: a chain of ten thousand spans is as easily sent as as many siblings."""
    tops: dict[str, _Tops] = {}
    for span in spans:
        line: dict[str, TraceSpan] = {}
        one: TraceSpan | None = span
        while one is not None and one.span_id not in tops and one.span_id not in line:
            line[one.span_id] = one
            one = by_id.get(one.parent_span_id)
        above = _NOBODY if one is None else tops.get(one.span_id)
        if above is None and one is not None:
            above = _close_cycle(one, line, tops)
        for below in reversed(line.values()):
            above = tops[below.span_id] = _tops_below(above or _NOBODY, below)
    return tops


def _close_cycle(first: TraceSpan, line: dict[str, TraceSpan], tops: dict[str, _Tops]) -> _Tops:
    """Give all members of the cycle at the end of `line` the same tops, and take them off `line`."""
    ids = list(line)
    members = [line.pop(span_id) for span_id in ids[ids.index(first.span_id) :]]
    agents = [one.span_id for one in members if one.role == ROLE_AGENT]
    inferences = [one.span_id for one in members if one.role == ROLE_INFERENCE]
    shared = _Tops(min(agents, default=None), min(inferences, default=None), is_cycle=True)
    tops.update(dict.fromkeys((one.span_id for one in members), shared))
    return shared


def _tops_below(above: _Tops, span: TraceSpan) -> _Tops:
    agent, inference = above.agent, above.inference
    if span.role == ROLE_AGENT:
        agent = min(agent or span.span_id, span.span_id) if above.is_cycle else agent or span.span_id
    elif span.role == ROLE_INFERENCE:
        inference = min(inference or span.span_id, span.span_id) if above.is_cycle else inference or span.span_id
    return _Tops(agent, inference, above.is_cycle)


def _run_of(
    root: TraceSpan, members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan], book: QuotingBook | None
) -> Run:
    outcome, error_code = _outcome_of(members, by_id)
    counted = _counted_for_usage(root, members, by_id)
    cost, source, version = _cost_of(root, counted, book)
    says = root if root.model else next((span for span in counted if span.model), root)
    answered = sorted((span for span in counted if span.ttfc_ns), key=lambda span: (span.start_ns, span.span_id))
    return Run(
        root=root,
        outcome=outcome,
        error_code=error_code,
        model=says.model,
        provider=root.provider if root.provider and says is root else says.provider,
        tenant=root.tenant or next((span.tenant for span in sorted(members) if span.tenant), ""),
        input_tokens=sum(span.input_tokens for span in counted),
        output_tokens=sum(span.output_tokens for span in counted),
        cached_input_tokens=sum(span.cached_input_tokens for span in counted),
        cost_nano_usd=min(cost, _MAX_COST_NANO_USD),
        is_priced=source != "unpriced",
        cost_source=source,
        price_version=version,
        cache_write_tokens=sum(span.cache_write_tokens for span in counted),
        reasoning_tokens=sum(span.reasoning_tokens for span in counted),
        ttfc_ns=root.ttfc_ns or next((span.ttfc_ns for span in answered), 0),
        span_count=len(members),
        is_parent_missing=bool(root.parent_span_id) and root.parent_span_id not in by_id,
    )


def _cost_of(root: TraceSpan, counted: Sequence[TraceSpan], book: QuotingBook | None) -> tuple[int, str, str]:
    told = [span.cost_nano_usd for span in counted if span.cost_nano_usd is not None]
    if len(told) == len(counted):
        return sum(told), "sender", ""
    if not told and root.cost_nano_usd is not None:
        return root.cost_nano_usd, "sender", ""
    if book is None:
        return 0, "unpriced", ""
    quotes = [
        book.quote(
            Usage(
                span.provider, span.model, span.second, span.input_tokens, span.cached_input_tokens,
                span.cache_write_tokens, span.output_tokens,
            )
        )
        for span in counted
        if span.cost_nano_usd is None
    ]  # fmt: skip
    known = [quote.cost_nano_usd for quote in quotes if quote.cost_nano_usd is not None]
    version = quotes[-1].price_version
    if len(known) < len(quotes):
        return 0, "unpriced", version
    return sum(told) + sum(known), "mixed" if told else "table", version


def _counted_for_usage(
    root: TraceSpan, members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]
) -> list[TraceSpan]:
    """Return the spans whose tokens count: leaf inference spans, else the run's own. Aggregates are never added."""
    inferences = [span for span in members if span.role == ROLE_INFERENCE]
    above = _ids_above(inferences, by_id)
    leaves = [span for span in inferences if span.span_id not in above]
    return sorted(leaves) if leaves else [root]


def _ids_above(spans: Iterable[TraceSpan], by_id: Mapping[str, TraceSpan]) -> set[str]:
    """Return the ids of all parents, grandparents … of `spans`; a span itself only where its line is a cycle."""
    above: set[str] = set()
    for span in spans:
        parent = by_id.get(span.parent_span_id)
        while parent is not None and parent.span_id not in above:  # what stands above that was marked before
            above.add(parent.span_id)
            parent = by_id.get(parent.parent_span_id)
    return above


def _outcome_of(members: Sequence[TraceSpan], by_id: Mapping[str, TraceSpan]) -> tuple[str, str]:
    """Return the worst outcome and its error type; of several the first with a name, however the spans arrived."""
    left = _not_made_good(members)
    # An error without a name says only that something below went wrong: what is below and has a name is the cause.
    explained = _ids_above([span for span in left if span.error_type], by_id)
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
        parent = span.parent_span_id.removeprefix(_CUT)
        steps[parent or span.span_id, span.operation, key].append(span)
    left: list[TraceSpan] = []
    for attempts in steps.values():
        attempts.sort(key=lambda span: (span.start_ns, span.end_ns, span.span_id))
        last_good = max((i for i, span in enumerate(attempts) if span.outcome == "ok"), default=-1)
        left += [span for span in attempts[last_good + 1 :] if span.outcome in _RANK]
    return left
