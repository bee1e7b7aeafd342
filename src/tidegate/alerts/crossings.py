"""Rules over columns: which subjects cross a bound or have to be looked at, thousands at once.

Comparisons of whole columns only narrow down; who is close to a bound is judged exactly, from its own totals, by the
same function that decides everywhere else. So columns may be as inexact as floating point is, and alerts are not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

import numpy as np

from tidegate.alerts.model import AlertKey, Counted, Filter, Measure, Op, Rule, Source
from tidegate.alerts.questions import Placed
from tidegate.kernel import WorkspaceId
from tidegate.signals import Durations, Grouped, Totals
from tidegate.storage.native import Numbers

__all__ = ["Batch", "Subjects", "key_of", "place_of", "storable"]

_CLOSE: Final = 1e-9  # of the bound: a hundred thousand times what dividing in another order makes of it
_TENANT_BITS: Final = 32


def storable(text: str) -> str:
    """Return `text` as PostgreSQL can hold it: it has no NUL, and one bad name must not stop all others."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


class Subjects:
    """Numbers for subjects: the same one whenever the same workspace, service, tenant and labels come again."""

    def __init__(self) -> None:
        self._places: dict[tuple[WorkspaceId, str, tuple[tuple[str, str], ...]], int] = {}
        self._tenants: dict[str, int] = {}
        self._known: dict[int, tuple[Sequence[str], Numbers]] = {}

    def __len__(self) -> int:
        return len(self._places) + len(self._tenants)

    def of_key(self, key: AlertKey) -> int:
        place = self.place(key.workspace, key.service, key.labels)
        return place << _TENANT_BITS | (0 if key.tenant is None else self.tenant(key.tenant))

    def place(self, workspace: WorkspaceId, service: str, labels: tuple[tuple[str, str], ...]) -> int:
        return self._places.setdefault((workspace, service, labels), len(self._places))

    def tenant(self, name: str) -> int:
        return self._tenants.setdefault(name, len(self._tenants) + 1)

    def tenants(self, names: Sequence[str]) -> Numbers:
        """Return the numbers of `names`, which several batches of one evaluation share."""
        known = self._known.get(id(names))
        if known is not None and known[0] is names:
            return known[1]
        found = np.fromiter((self.tenant(storable(name)) for name in names), np.int64, len(names))
        self._known[id(names)] = names, found
        return found

    def end_evaluation(self) -> None:
        self._known.clear()


@dataclass(eq=False)
class Batch:
    """Subjects of one family, grouping and filter, for all rules that read them."""

    keys: Sequence[tuple[WorkspaceId, str, tuple[tuple[str, str], ...]]]
    """By place: workspace, service and labels."""
    place: Numbers
    tenants: Sequence[str]
    tenant: Numbers
    subject: Numbers
    sums: Mapping[str, Numbers]
    source: Source
    _values: dict[Measure, tuple[Numbers, Numbers]] = field(default_factory=dict)
    _masks: dict[tuple[WorkspaceId | None, frozenset[WorkspaceId], bool], Numbers | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, found: Grouped, subjects: Subjects, *, group_by: Sequence[str], where: Sequence[Filter], source: Source
    ) -> "Batch":
        keys = [place_of(workspace, values, group_by, where) for workspace, values in found.places]
        places = np.fromiter((subjects.place(*key) for key in keys), np.int64, len(keys))
        tenants = np.append(subjects.tenants(found.tenants), 0)  # the last one stands for -1: all of them
        subject = (places[found.place] << _TENANT_BITS) | tenants[found.tenant] if len(found) else found.place
        batch = cls(keys, found.place, found.tenants, found.tenant, subject, found.sums, source)
        batch._merge()
        order = np.argsort(batch.subject, kind="stable")
        batch._order, batch._sorted = order, batch.subject[order]
        return batch

    def __post_init__(self) -> None:
        self._order: Numbers = np.zeros(0, np.int64)
        self._sorted: Numbers = self._order

    def __len__(self) -> int:
        return len(self.subject)

    def _merge(self) -> None:
        """Put together subjects that have one name once it can be stored."""
        unique, first, group = np.unique(self.subject, return_index=True, return_inverse=True)
        if len(unique) == len(self.subject):
            return
        sums = {}
        for name, values in self.sums.items():
            sums[name] = np.zeros(len(unique), values.dtype)
            (np.maximum if name == "limit_micro" else np.add).at(sums[name], group, values)
        self.subject, self.place, self.tenant, self.sums = unique, self.place[first], self.tenant[first], sums

    def rows_of(self, subjects: Numbers) -> Numbers:
        """Return the row of each of `subjects`, -1 of those without one."""
        if not len(self._sorted):
            return np.full(len(subjects), -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, subjects), len(self._sorted) - 1)
        return np.where(self._sorted[at] == subjects, self._order[at], -1)

    def crossing(self, placed: Placed) -> tuple[Numbers, Numbers]:
        """Return which subjects may cross the bound of a rule, and which do so for certain."""
        rule = placed.rule
        value, base = self._of(rule.measure)
        bound = self._bounds(placed)
        if rule.confidence is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                value = _wilson(value, self.sums[rule.measure.whole].astype(float), rule.confidence, rule.op)
            margin = _CLOSE
        else:
            margin = 0.0 if rule.measure.is_plain else _CLOSE
        maybe, surely = _beyond(rule.op, value, bound, margin)
        if rule.min_count > 1 or rule.measure.base is not None:
            is_enough = base >= rule.min_count
            maybe &= is_enough
            surely &= is_enough
        mask = self._mask(placed)
        return (maybe, surely) if mask is None else (maybe & mask, surely & mask)

    def uncleared(self, placed: Placed) -> tuple[Numbers, Numbers]:
        """Return which subjects may lie beyond the clear bound of a rule, and which do so for certain."""
        measure = placed.rule.measure
        margin = 0.0 if measure.is_plain else _CLOSE
        return _beyond(placed.rule.op, self._of(measure)[0], self._bounds(placed, is_clear=True), margin)

    def enough(self, rule: Rule) -> Numbers:
        """Return which subjects have enough data to be judged."""
        value, base = self._of(rule.measure)
        found: Numbers = ~np.isnan(value) & (base >= rule.min_count)
        return found

    def present(self, measure: Measure) -> Numbers:
        """Return which subjects have any data."""
        found: Numbers = ~np.isnan(self._of(measure)[0])
        return found

    def key(self, row: int, code: str) -> AlertKey:
        workspace, service, labels = self.keys[int(self.place[row])]
        tenant = int(self.tenant[row])
        return AlertKey(workspace, code, service, None if tenant < 0 else storable(self.tenants[tenant]), labels)

    def counted(self, row: int) -> Counted:
        """Return what is known of one subject, exactly."""
        if self.source is not Source.DURATIONS:
            return Totals(**{name: int(values[row]) for name, values in self.sums.items()})
        sums = {name: float(values[row]) for name, values in self.sums.items() if name != "count"}
        return Durations(count=int(self.sums["count"][row]), **sums)

    def mask_of(self, placed: Placed) -> Numbers | None:
        """Return for which subjects a rule counts; `None` when for all."""
        return self._mask(placed)

    def is_of(self, placed: Placed, row: int) -> bool:
        mask = self._mask(placed)
        return mask is None or bool(mask[row])

    def tenants_around(self, row: int) -> Numbers:
        """Return the rows of single tenants at the place of `row`."""
        return np.flatnonzero((self.place == self.place[row]) & (self.tenant >= 0))

    def _of(self, measure: Measure) -> tuple[Numbers, Numbers]:
        known = self._values.get(measure)
        if known is None:
            known = self._values[measure] = self._value(measure), self.sums[measure.base or measure.whole]
        return known

    def _value(self, measure: Measure) -> Numbers:
        whole = self.sums[measure.whole].astype(float)
        part = self.sums[measure.part].astype(float)
        if measure.plus:
            part = part + self.sums[measure.plus].astype(float)
        if measure.minus:
            part = part - self.sums[measure.minus].astype(float)
        is_empty = whole <= 0
        if not measure.is_plain:
            with np.errstate(invalid="ignore", divide="ignore"):
                part = part / (whole * measure.scale)
        part[is_empty] = math.nan
        return part

    def _bounds(self, placed: Placed, *, is_clear: bool = False) -> float | Numbers:
        rule = placed.rule
        usual = rule.clear_bound if is_clear else rule.threshold
        if not placed.bounds:
            return usual
        by_tenant = np.full(len(self.tenants) + 1, usual)
        for position, name in enumerate(self.tenants):
            own = placed.bounds.get(name)
            if own is not None:
                by_tenant[position] = rule.of_tenant(name, placed.bounds).clear_bound if is_clear else own.threshold
        found: Numbers = by_tenant[self.tenant]  # -1, all tenants, is the last one
        return found

    def _mask(self, placed: Placed) -> Numbers | None:
        """Return for which subjects a rule counts; `None` when for all."""
        rule = placed.rule
        skips_all = "tenant" in rule.group_by and not (rule.measure.adds_up and rule.judges_all_tenants)
        key = placed.rule.workspace, placed.but, skips_all
        if key not in self._masks:
            owns = np.array([placed.counts_for(workspace) for workspace, _, _ in self.keys], bool)
            mask = None if bool(owns.all()) else owns[self.place]
            if skips_all:
                mask = (self.tenant >= 0) if mask is None else mask & (self.tenant >= 0)
            self._masks[key] = mask
        return self._masks[key]


def key_of(placed: Placed, key: AlertKey) -> Rule:
    """Return the rule with the bounds that count for the tenant of `key`."""
    return placed.rule.of_tenant(key.tenant, placed.bounds)


def place_of(
    workspace: WorkspaceId, values: Sequence[str], group_by: Sequence[str], where: Sequence[Filter]
) -> tuple[WorkspaceId, str, tuple[tuple[str, str], ...]]:
    named = {
        name: storable(value) for name, value in zip((one for one in group_by if one != "tenant"), values, strict=True)
    }
    service = named.pop("service", None)
    if service is None:
        service = next((one.values[0] for one in where if one.dimension == "service"), "")
    return workspace, service, tuple(sorted(named.items()))


def _beyond(op: Op, value: Numbers, bound: float | Numbers, margin: float) -> tuple[Numbers, Numbers]:
    """Return which values may lie on the side of `op` of their bound, and which do so for certain."""
    reach = np.abs(bound) * margin
    with np.errstate(invalid="ignore"):
        if op is Op.ABOVE:
            return value >= bound - reach, value >= bound + reach
        return value <= bound + reach, value <= bound - reach


def _wilson(share: Numbers, count: Numbers, confidence: float, op: Op) -> Numbers:
    """Return what `model.wilson` says of each."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    squared = z * z / count
    reach = np.sqrt(np.maximum(share * (1 - share) * squared + squared * squared / 4, 0.0))
    found: Numbers = (share + squared / 2 + (-reach if op is Op.ABOVE else reach)) / (1 + squared)
    return found
