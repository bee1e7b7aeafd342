"""From counts step by step to what is bad and what there is of one objective, column by column."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.signals import StepSums, is_milli
from tidegate.slos.model import COUNTED, MEASURED, MILLI, Events, Measured, Objective, Operator, Slices
from tidegate.slos.ring import WHOLE, Ring

__all__ = ["Columns", "needed_fields", "values_of"]

Ints = NDArray[np.int64]
Columns = Mapping[int, tuple[Ints, Ints, Ints]]
"""By the second at which a step begins: columns, bad and total."""
_CLOSE: Final = 1e-9  # of floating point; what is closer to the bound is compared in whole numbers


def needed_fields(objective: Objective) -> tuple[str, ...]:
    """Return the fields of `Totals` that an objective is told by; none when by how long events took."""
    indicator = objective.indicator
    if isinstance(indicator, Events):
        counted = COUNTED[objective.family]
        other = indicator.bad if indicator.bad is not None else indicator.good
        return (counted[other or indicator.total], counted[indicator.total])
    measured = MEASURED[objective.family].get(indicator.figure)
    return measured.fields if measured is not None else ()


def values_of(objective: Objective, workspace: str, sums: StepSums, ring: Ring, *, step_s: int) -> Columns:
    """Return what `sums` say of an objective; steps are put together to ones of `step_s`."""
    rows = _rows_of(objective, workspace, sums)
    if not len(rows):
        return {}
    step = sums.step[rows] - (sums.step[rows] - ring.offset_s) % step_s
    column = _columns_of(objective, sums, rows, ring)
    fields = needed_fields(objective)
    parts = np.stack([_field(sums, name, rows) for name in fields])
    # Each row counts for the service, and once more for its tenant if that has a column.
    own = np.flatnonzero(column > WHOLE)
    step = np.r_[step, step[own]]
    column = np.r_[np.zeros(len(rows), np.int64), column[own]]
    parts = np.concatenate([parts, parts[:, own]], axis=1)
    starts, step_code = np.unique(step, return_inverse=True)
    width = ring.column_count
    keys, place = np.unique(step_code * width + column, return_inverse=True)
    added = np.zeros((len(fields), len(keys)), parts.dtype)
    for position in range(len(fields)):
        np.add.at(added[position], place, parts[position])
    bad, total = _judged(objective, dict(zip(fields, added, strict=True)))
    key_step, key_column = keys // width, keys % width
    bounds = np.searchsorted(key_step, np.arange(len(starts) + 1))
    return {
        int(start): (key_column[begin:end], bad[begin:end], total[begin:end])
        for start, begin, end in zip(starts.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    }


def _rows_of(objective: Objective, workspace: str, sums: StepSums) -> Ints:
    wanted = {"workspace": workspace, "service": objective.service}
    if objective.environment is not None:
        wanted["environment"] = objective.environment
    is_own = np.ones(len(sums.step), bool)
    for name, text in wanted.items():
        words = list(sums.words[name].words)
        is_own &= sums.words[name].codes == (words.index(text) if text in words else -1)
    return np.flatnonzero(is_own)


def _columns_of(objective: Objective, sums: StepSums, rows: Ints, ring: Ring) -> Ints:
    """Return the column of each row's tenant, 0 for none."""
    if not objective.is_per_tenant:
        return np.zeros(len(rows), np.int64)
    tenants = sums.words["tenant"]
    used, code = np.unique(tenants.codes[rows], return_inverse=True)
    known = [ring.column_of(name) or WHOLE if (name := tenants.words[one]) else WHOLE for one in used.tolist()]
    found: Ints = np.array(known, np.int64)[code]
    return found


def _field(sums: StepSums, name: str, rows: Ints) -> Ints:
    found = sums.fields.get(name)
    return np.zeros(len(rows), np.int64) if found is None else found[rows]


def _judged(objective: Objective, fields: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """Return bad and total: thousandths of events, or slices."""
    indicator = objective.indicator
    if isinstance(indicator, Slices):
        return _judged_slices(indicator, MEASURED[objective.family][indicator.figure], fields)
    counted = COUNTED[objective.family]
    total = fields[counted[indicator.total]]
    if indicator.bad is not None:
        return fields[counted[indicator.bad]], total
    return total - fields[counted[indicator.good or indicator.total]], total


def _judged_slices(indicator: Slices, measured: Measured, fields: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    whole_fields = {name: values // MILLI if is_milli(name) else values for name, values in fields.items()}
    part = whole_fields[measured.part]
    part = part + whole_fields[measured.plus] if measured.plus else part
    part = part - whole_fields[measured.minus] if measured.minus else part
    whole = whole_fields[measured.whole] * measured.unit if measured.whole else np.full_like(part, measured.unit)
    has_data = (whole_fields[measured.base] > 0) & (whole > 0)
    bound = Fraction(indicator.bound)
    left, right = part.astype(float), float(bound) * whole.astype(float)
    is_bad = left > right if indicator.operator is Operator.AT_MOST else left < right
    doubtful = np.flatnonzero(has_data & (np.abs(left - right) <= _CLOSE * np.maximum(np.abs(right), 1.0)))
    for place in doubtful.tolist():
        exact = Fraction(int(part[place]), int(whole[place]))
        is_bad[place] = exact > bound if indicator.operator is Operator.AT_MOST else exact < bound
    return (is_bad & has_data).astype(np.int64), has_data.astype(np.int64)
