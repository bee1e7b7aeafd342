"""What a row of the counts adds to the totals of a family: the one place that says it.

Rows are read by facet (what a figure may depend on) with their plain sums, and facets become totals here: statements
stay short, because the engine plans one for longer than it runs it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from tidegate.signals.model import Family, Totals
from tidegate.storage.native import Columns, Numbers

# Names under which events of a family are counted.
STORED: Final[Mapping[Family, tuple[str, ...]]] = {
    **{family: (family.value,) for family in Family},
    Family.RETRIEVAL: ("retrieval", "evaluation"),
}
_SCORES: Final = {"citation_coverage": "citation", "groundedness": "groundedness"}


class Facet(NamedTuple):
    """All that figures of a family may depend on."""

    family: str
    outcome: str
    detail: str
    score: str
    status: int
    has_object: int
    is_request: int
    replayed: int


_WORDS: Final = ("family", "outcome", "detail", "score")
_FLAGS: Final = ("status", "has_object", "is_request", "replayed")
_FACETS: Final = {
    "family": "counts.family",
    "outcome": "counts.outcome",
    "detail": "counts.detail",
    "score": "toLowCardinality(if(counts.family = 'evaluation', counts.object, ''))",
    "status": "counts.status",
    "has_object": "CAST(counts.object != '', 'UInt8')",
    "is_request": "CAST(counts.source = 'request', 'UInt8')",
    "replayed": "counts.replayed",
}
# Which facets figures depend on: each one less is rows less to group, and to read.
_DEPENDS: Final[Mapping[Family, frozenset[str]]] = {
    **{family: frozenset({"outcome"}) for family in Family},
    Family.REQUEST: frozenset({"status"}),
    Family.AUTH: frozenset({"outcome", "status"}),
    Family.TENANT: frozenset({"outcome", "detail", "has_object", "is_request"}),
    Family.RETRIEVAL: frozenset({"family", "outcome", "score"}),
    Family.DELIVERY: frozenset({"outcome", "detail"}),
    Family.ACCESS_SYNC: frozenset({"outcome", "detail"}),
    Family.RUNTIME: frozenset(),
}


def facets_of(families: Collection[Family], *, with_replayed: bool = True) -> tuple[str, str]:
    """Return the facets that `families` need as columns, and their names to group by; others are constant."""
    needed = set().union(*(_DEPENDS[family] for family in families))
    needed |= {"family"} if len(families) > 1 else set()
    needed |= {"replayed"} if with_replayed else set()
    constants = dict.fromkeys(_WORDS, "toLowCardinality('')") | dict.fromkeys(_FLAGS, "toUInt8(0)")
    if "family" not in needed:
        constants["family"] = f"toLowCardinality('{STORED[next(iter(families))][0]}')"
    columns = ", ".join(f"{_FACETS[name] if name in needed else constants[name]} AS {name}" for name in _FACETS)
    return columns, "".join(f", {name}" for name in _FACETS if name in needed)


_SUMS: Final = {
    "weight": "sum(weight_milli)",
    "sampled": "sum(sampled_count)",
    "priced": "sum(priced_milli)",
    "cost_nano_usd": "sum(counts.cost_nano_usd)",
    "input_tokens": "sum(counts.input_tokens)",
    "output_tokens": "sum(counts.output_tokens)",
    "cached_input_tokens": "sum(counts.cached_input_tokens)",
    "cache_write_tokens": "sum(counts.cache_write_tokens)",
    "reasoning_tokens": "sum(counts.reasoning_tokens)",
    "wait_us": "sum(counts.wait_us)",
    "amount_count": "sum(counts.amount_count)",
    "amount_micro": "sum(counts.amount_micro)",
    "limit_micro": "max(counts.limit_micro)",
}
_TOKENS: Final = (
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip
_AMOUNTS: Final = ("amount_count", "amount_micro", "limit_micro")
_NEEDED: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.AI_RUN: ("priced", "cost_nano_usd", *_TOKENS),
    Family.INGESTION: ("wait_us",),
    Family.RETRIEVAL: _AMOUNTS[:2],
    Family.ACCESS_SYNC: _AMOUNTS[:2],
    Family.USAGE: _AMOUNTS,
}
# Which outcome counts as which figure.
_OUTCOMES: Final[Mapping[str, Mapping[str, str]]] = {
    "ai_run": {name: name for name in ("failed", "policy_blocked", "validation_error", "cancelled")},
    "tool_call": {name: name for name in ("ok", "failed", "timeout", "denied")},
    "ingestion": {"done": "ok", "retry": "retry", "dead_letter": "dead_letter", "failed": "failed"},
    "retrieval": {name: name for name in ("ok", "failed", "empty")},
    "delivery": {name: name for name in ("ok", "failed", "dead_letter")},
    "access_sync": {name: name for name in ("ok", "failed")},
    "usage": {name: name for name in ("ok", "refused")},
    "policy": {"allow": "ok", "deny": "denied"},
}
_DELIVERY_DETAILS: Final = {"invalid": "invalid_signature", "duplicate": "duplicate_effect"}


def sums_of(families: Collection[Family]) -> str:
    """Return the sums that `families` need, as columns."""
    needed = ["weight", "sampled"]
    needed += [name for name in _SUMS if any(name in _NEEDED.get(family, ()) for family in families)]
    return ", ".join(f"{_SUMS[name]} AS {name}_sum" for name in needed)


@lru_cache(maxsize=4096)
def fields_of(facet: Facet) -> Mapping[str, str]:
    """Return which sum of a row of this facet is added to which field of the totals."""
    if facet.family == "evaluation":
        score = _SCORES.get(facet.score)
        return {f"{score}_count": "amount_count", f"{score}_micro": "amount_micro"} if score else {}
    fields = {"sampled_count": "sampled"} | ({"replayed_count": "weight"} if facet.replayed else {})
    fields |= dict.fromkeys(_counted(facet), "weight")
    if facet.family == "ai_run":
        fields |= {"priced_count": "priced", "cost_nano_usd": "cost_nano_usd"} | {name: name for name in _TOKENS}
    elif facet.family == "ingestion" and facet.outcome != "sent":
        fields["wait_us"] = "wait_us"
    elif facet.family in {"access_sync", "usage"}:
        fields |= {name: name for name in _NEEDED[Family(facet.family)]}
    return fields


def _counted(facet: Facet) -> Iterator[str]:
    """Yield the counts to which a row of this facet belongs."""
    if facet.family == "request":
        yield from _of_request(facet.status)
    elif facet.family == "auth":
        yield from _of_auth(facet)
    elif facet.family == "tenant":
        yield from _of_tenant(facet)
    elif facet.family == "ingestion" and facet.outcome == "sent":
        yield "sent_count"
    else:
        yield "count"
        outcome = _OUTCOMES.get(facet.family, {}).get(facet.outcome)
        if outcome is not None:
            yield f"{outcome}_count"
        if facet.family == "delivery" and facet.detail in _DELIVERY_DETAILS:
            yield f"{_DELIVERY_DETAILS[facet.detail]}_count"
        if facet.family == "access_sync" and facet.detail:
            yield "drift_count"


def _of_request(status: int) -> Iterator[str]:
    yield "count"
    if 200 <= status <= 399:
        yield "success_count"
    if status >= 500 or status == 0:  # an answer without a status is no success: nobody saw it end well
        yield "failure_count"
    if status in {401, 403}:
        yield "unauthorized_count"


def _of_auth(facet: Facet) -> Iterator[str]:
    if facet.outcome == "unauthorized":
        yield "unauthorized_count"
        return
    yield "count"
    is_good = facet.outcome == "success" or (not facet.outcome and 200 <= facet.status <= 399)
    yield "success_count" if is_good else "failure_count"
    if facet.status in {401, 403} and facet.outcome != "success":
        yield "unauthorized_count"


def _of_tenant(facet: Facet) -> Iterator[str]:
    if facet.is_request or not facet.has_object:
        yield "count"
    if facet.detail == "leak":
        yield "leak_count"
    elif facet.detail:
        yield "denied_count"
        if facet.detail in {"cross_tenant", "membership"}:
            yield f"{facet.detail}_denied_count"
    if facet.has_object:
        yield "lifecycle_count"
        if facet.outcome in {"failed", "out_of_order"}:
            yield "lifecycle_anomaly_count"


def totals_in(columns: Columns, family: Family, keys: Sequence[str]) -> dict[tuple[Any, ...], Totals]:
    """Return the totals of `family` in rows of facets, by the values of `keys`; keys without anything are left out."""
    stored = columns.words["family"]
    wanted = [code for code, word in enumerate(stored.words) if word in STORED[family]]
    rows = np.flatnonzero(np.isin(stored.codes, wanted))
    if not len(rows):
        return {}
    first, group = _groups([_column(columns, name)[rows] for name in keys], len(rows))
    facet_first, facet_of = _groups([_column(columns, name)[rows] for name in (*_WORDS, *_FLAGS)], len(rows))
    sums: dict[str, Numbers] = {}
    for field, places in _places(columns, rows[facet_first]).items():
        for source, facets in places.items():
            own = np.flatnonzero(np.isin(facet_of, facets))
            values = columns.numbers[f"{source}_sum"][rows[own]]
            _add(sums, field, group[own], values, count=len(first))
    return _made(columns, keys, rows[first], sums)


def _places(columns: Columns, rows: Numbers) -> dict[str, dict[str, list[int]]]:
    """Return by field and sum, in which of the facets of `rows` the sum is added to the field."""
    places: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, row in enumerate(rows.tolist()):
        words = [columns.words[name] for name in _WORDS]
        facet = Facet(
            *(column.words[column.codes[row]] for column in words),
            *(int(columns.numbers[name][row]) for name in _FLAGS),
        )
        for field, source in fields_of(facet).items():
            places[field][source].append(place)
    return {field: dict(sources) for field, sources in places.items()}


def _add(sums: dict[str, Numbers], field: str, group: Numbers, values: Numbers, *, count: int) -> None:
    is_wide = values.dtype == object
    if field not in sums:
        sums[field] = np.zeros(count, object if is_wide else np.int64)
    elif is_wide and sums[field].dtype != object:
        sums[field] = sums[field].astype(object)
    (np.maximum if field == "limit_micro" else np.add).at(sums[field], group, values if is_wide else values.astype(int))


def _made(
    columns: Columns, keys: Sequence[str], first: Numbers, sums: Mapping[str, Numbers]
) -> dict[tuple[Any, ...], Totals]:
    names = list(sums)
    told = [
        (sums[name] // 1000 if is_milli(name) else sums[name]).tolist() for name in names
    ]  # adjusted counts are thousandths, and rounded down
    parts = [_texts(columns, name, first) for name in keys]
    found: dict[tuple[Any, ...], Totals] = {}
    for place, values in enumerate(zip(*told, strict=True)):
        if any(values):
            found[tuple(part[place] for part in parts)] = Totals(**dict(zip(names, values, strict=True)))
    return found


def is_milli(field: str) -> bool:
    return field == "count" or (field.endswith("_count") and field != "sampled_count")


def _column(columns: Columns, name: str) -> Numbers:
    return columns.words[name].codes if name in columns.words else columns.numbers[name]


def _texts(columns: Columns, name: str, rows: Numbers) -> list[Any]:
    if name not in columns.words:
        found: list[Any] = columns.numbers[name][rows].tolist()
        return found
    column = columns.words[name]
    return [column.words[code] for code in column.codes[rows].tolist()]


def _groups(columns: Sequence[Numbers], count: int) -> tuple[Numbers, Numbers]:
    """Return the first row of each group of equal rows, and the group of each row."""
    key = np.zeros(count, np.int64)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        key = key * (int(codes.max()) + 1) + codes
        _, key = np.unique(key, return_inverse=True)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    return first, group
