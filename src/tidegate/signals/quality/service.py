"""Receiving evaluations: they become log records, counted once with everything else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import msgspec

from tidegate.kernel import Clock, IdFactory, WorkspaceId, canonical_json, digest_of
from tidegate.signals.quality.model import ReceivedEvaluation
from tidegate.signals.quality.ports import ContentPolicy, Ingest
from tidegate.telemetry import evaluations as spelled
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.model import LogRow
from tidegate.telemetry.model import NANO, Batch, Signal, is_distrusted, precedence_of, second_of

_MICRO: Final = 1_000_000
_INFO: Final = 9  # OTLP's severity
_encoder = msgspec.json.Encoder()


class EvaluationService:
    """Takes evaluations of answers."""

    def __init__(self, *, ingest: Ingest, policy: ContentPolicy, ids: IdFactory, clock: Clock) -> None:
        self._ingest = ingest
        self._policy = policy
        self._ids = ids
        self._clock = clock

    async def receive(self, workspace: WorkspaceId, received: Sequence[ReceivedEvaluation]) -> list[str]:
        """Store evaluations, and return their ids in the order given; the same id twice counts once.

        One without an id is known by all that it says, time included; without a time it is a new one.

        Raises:
            TooManyRequestsError: too much waits; nothing was stored.
            UnavailableError: the engines do not answer; sending again is safe.
        """
        now = self._clock.now()
        received_ns = int(now.timestamp() * NANO)
        ids = [self._id_of(evaluation) for evaluation in received]
        rows = [
            self._row_of(workspace, evaluation, log_id, received_ns)
            for log_id, evaluation in zip(ids, received, strict=True)
        ]
        payload = _encoder.encode_lines(rows)
        seconds = Counter(row.second for row in rows)
        batch = Batch(Signal.LOGS, payload, len(rows), seconds, received_ns, size_bytes=len(payload))
        await self._ingest.accept(workspace, batch)
        return ids

    def _id_of(self, evaluation: ReceivedEvaluation) -> str:
        if evaluation.id is not None:
            return f"e:{evaluation.id}"
        if evaluation.time is None:
            return self._ids.new_id("evl")
        said = asdict(evaluation) | {"time": evaluation.time.isoformat()}
        return digest_of(canonical_json(said)).replace("sha256:", "e-")

    def _row_of(self, workspace: WorkspaceId, evaluation: ReceivedEvaluation, log_id: str, received_ns: int) -> LogRow:
        time_ns = received_ns if evaluation.time is None else int(evaluation.time.timestamp() * NANO)
        is_off = is_distrusted(time_ns, time_ns, received_ns)
        score = evaluation.score
        return LogRow(
            workspace=workspace,
            log_id=log_id,
            second=second_of(time_ns),
            time_ns=time_ns,
            received_ns=received_ns,
            precedence=precedence_of(distrusted=is_off, received_ns=received_ns),
            trace_id=evaluation.trace_id,
            span_id=evaluation.span_id,
            severity=_INFO,
            severity_text="INFO",
            event_name=spelled.EVENT_NAME,
            body="",
            scope="",
            attributes=self._attributes_of(evaluation),
            resource={},
            request_id="",
            correlation_id="",
            families=FAMILY_BITS["evaluation"],
            distrusted=int(is_off),
            replayed=0,
            service=evaluation.service,
            environment=evaluation.environment,
            release=evaluation.release,
            tenant=evaluation.tenant,
            error_type=evaluation.error,
            object=spelled.canonical_name(evaluation.name),
            detail=evaluation.label,
            outcome="failed" if evaluation.error else "ok",
            amount_micro=None if score is None else round(score * _MICRO),
        )

    def _attributes_of(self, evaluation: ReceivedEvaluation) -> dict[str, str]:
        said = {
            "gen_ai.evaluation.name": evaluation.name,
            "gen_ai.evaluation.score.value": "" if evaluation.score is None else repr(evaluation.score),
            "gen_ai.evaluation.score.label": evaluation.label,
            "gen_ai.evaluation.explanation": evaluation.explanation,
            "gen_ai.response.id": evaluation.response_id,
        }
        kept = {key: self._policy.attribute(key, value) for key, value in said.items() if value}
        return {key: value for key, value in kept.items() if value is not None}
