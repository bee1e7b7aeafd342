"""Which seconds have other runs than were published, as far as one process remembers what it published."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Seconds
from tidegate.signals.runs import AGENT, INFERENCE, ROLES, Runs
from tidegate.storage.native import Numbers, Words, used_of

_REMEMBERED_RUNS: Final = 500_000  # 16 bytes each; at 20,000 spans a second those of three minutes
_SAID: Final = (
    "tenant", "model", "service", "environment", "release", "agent_name", "prompt_version", "conversation_id",
    "finish_reason", "error_type", "provider",
)  # fmt: skip

Second = tuple[WorkspaceId, int]


class PublishedRuns:
    """What the runs of recent seconds were when this process published them: for each run an id and a digest.

    A second that is not remembered may have had any runs.
    """

    def __init__(self) -> None:
        self._runs: OrderedDict[Second, tuple[Numbers, Numbers]] = OrderedDict()
        self._count = 0

    def forget(self) -> None:
        """Remember nothing: another process may have published."""
        self._runs.clear()
        self._count = 0

    def remember(self, runs: Runs, which: Numbers, seconds: Iterable[Second]) -> None:
        """Keep `which` of `runs` as those of `seconds`."""
        ids, digests = ids_of(runs)[runs.root[which]], digests_of(runs)[which]
        moments = _moments(runs)[runs.root[which]]
        order = np.lexsort((ids, moments))
        ids, digests, moments = ids[order], digests[order], moments[order]
        codes = {word: code for code, word in enumerate(runs.spans.columns.words["workspace"].words)}
        for workspace, second in seconds:
            moment = codes.get(workspace, -1) * _WIDTH + second
            start, end = np.searchsorted(moments, [moment, moment + 1])
            self._drop((workspace, second))
            self._runs[workspace, second] = ids[start:end].copy(), digests[start:end].copy()
            self._count += int(end - start) + 1
        while self._count > _REMEMBERED_RUNS:
            self._drop(next(iter(self._runs)))

    def _drop(self, second: Second) -> None:
        known = self._runs.pop(second, None)
        if known is not None:
            self._count -= len(known[0]) + 1

    def affected(self, runs: Runs, touched: Seconds) -> Seconds:
        """Return `touched`, and the other seconds whose runs differ from what is remembered of them."""
        spans = runs.spans
        roles = np.array([ROLES.index(one) if one in ROLES else 0 for one in spans.columns.words["role"].words], int)
        role = roles[spans.codes("role")]
        rows = np.flatnonzero((role == AGENT) | (role == INFERENCE))
        moments = _moments(runs)
        words = spans.columns.words["workspace"].words
        codes = {word: code for code, word in enumerate(words)}
        known = [codes[one] * _WIDTH + at for one, found in touched.items() if one in codes for at in found]
        rows = rows[~np.isin(moments[rows], np.array(known, np.int64))]
        found = {workspace: set(seconds) for workspace, seconds in touched.items()}
        if len(rows):
            ids, digests = ids_of(runs), digests_of(runs)
            run_at = np.full(len(spans), -1, np.int64)
            run_at[runs.root] = np.arange(len(runs))
            order = rows[np.argsort(moments[rows], kind="stable")]
            for part in np.split(order, np.flatnonzero(np.diff(moments[order])) + 1):
                code, second = divmod(int(moments[part[0]]), _WIDTH)
                workspace = WorkspaceId(words[code])
                if self._differs((workspace, second), ids[part], run_at[part], digests):
                    found[workspace].add(second)
        return {workspace: sorted(seconds) for workspace, seconds in found.items()}

    def _differs(self, second: Second, ids: Numbers, runs_at: Numbers, digests: Numbers) -> bool:
        known = self._runs.get(second)
        if known is None:
            return True
        known_ids, known_digests = known
        if not len(known_ids):
            return bool((runs_at >= 0).any())
        place = np.minimum(np.searchsorted(known_ids, ids), len(known_ids) - 1)
        was_run = known_ids[place] == ids
        is_run = runs_at >= 0
        both = was_run & is_run
        return bool((was_run != is_run).any() or (known_digests[place[both]] != digests[runs_at[both]]).any())


_WIDTH: Final = 2**33  # more than there are seconds


def _moments(runs: Runs) -> Numbers:
    spans = runs.spans
    moments: Numbers = spans.codes("workspace").astype(np.int64) * _WIDTH + spans.number("second").astype(np.int64)
    return moments


def _hashes(words: Words, codes: Numbers) -> Numbers:
    """Return a number for the word of each of `codes`; -1 stands for no word."""
    used, places = used_of(codes.astype(np.int64) + 1, len(words.words) + 1)
    own = np.array([hash(words.words[code - 1]) if code else 0 for code in used.tolist()], np.int64)
    found: Numbers = own.astype(np.uint64)[places]
    return found


def ids_of(runs: Runs) -> Numbers:
    """Return a number a span that is the same whenever this process sees the span."""
    spans = runs.spans
    with np.errstate(over="ignore"):
        trace = spans.number("trace_hi") * np.uint64(0x9E3779B97F4A7C15) + spans.number("trace_lo")
        found: Numbers = trace * np.uint64(0xC2B2AE3D27D4EB4F) ^ spans.span
    return found


def digests_of(runs: Runs) -> Numbers:
    """Return a number a run that differs as soon as anything that is counted of it does."""
    spans = runs.spans
    root = runs.root
    odd = np.uint64(0xBF58476D1CE4E5B9)
    digest = np.zeros(len(runs), np.uint64)
    with np.errstate(over="ignore"):
        numbers = [runs.outcome, runs.cost_source, *(runs.sums[name] for name in sorted(runs.sums))]
        numbers += [runs.is_cut_off, spans.number("start_ns", root), spans.number("end_ns", root)]
        numbers += [spans.number(name, root) for name in ("weight_milli", "is_sampled", "replayed")]
        for column in numbers:
            digest = (digest ^ column.astype(np.uint64)) * odd
            digest ^= digest >> np.uint64(29)
        for name in _SAID:
            rows = runs.words_of["model" if name == "provider" else name] if name in runs.words_of else root
            codes = spans.codes(name)[rows if name != "error_type" else slice(None)]
            if name == "error_type":
                codes = np.where(runs.cause >= 0, codes[runs.cause], -1)
            digest = (digest ^ _hashes(spans.columns.words[name], codes)) * odd
            digest ^= digest >> np.uint64(29)
    return digest
