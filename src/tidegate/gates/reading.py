"""From a gate file to a gate: names resolved, durations read, expressions compiled, digest taken."""

from datetime import datetime, timedelta

from tidegate.gates.check_files import CheckFile, read_length
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.gate_files import GateFile
from tidegate.gates.model import TEMPLATE_VERSION, Check, Gate, Score
from tidegate.gates.ports import AlertCatalogue, Catalogues, RunbookCatalogue
from tidegate.kernel import GateId, canonical_json, digest_of

__all__ = ["GateReader", "body_of"]

_LONGEST_WAIVER = timedelta(days=90)  # what lasts longer is policy: it belongs into the gate file


def body_of(file: GateFile) -> bytes:
    """Return the canonical JSON of a file with its defaults written out: what is stored and digested."""
    return canonical_json(file.model_dump(mode="json", by_alias=True))


class GateReader:
    """Turns files into gates, with the alert rules and runbooks that exist."""

    def __init__(self, *, alerts: AlertCatalogue, runbooks: RunbookCatalogue) -> None:
        self._catalogues = Catalogues(rules={rule.code: rule for rule in alerts.list_rules()})
        self._runbooks = runbooks

    def read(self, file: GateFile, *, version: int = TEMPLATE_VERSION, applied_at: datetime | None = None) -> Gate:
        """Return the gate in `file`.

        Raises:
            GateFileInvalidError: a check names something that does not exist; the field is named.
        """
        seen: set[str] = set()
        for position, check in enumerate(file.checks):
            if check.id in seen:
                raise GateFileInvalidError(
                    f"The check {check.id!r} stands twice: give each check its own id.", field=f"checks.{position}.id"
                )
            seen.add(check.id)
            if check.weight is not None and file.score is None:
                raise GateFileInvalidError(
                    "The gate has no score, so nothing has a weight: add `score`, or remove it.",
                    field=f"checks.{position}.weight",
                )
        return Gate(
            id=GateId(file.id),
            title=file.title,
            owner=file.owner,
            checks=tuple(self._check(check, f"checks.{position}") for position, check in enumerate(file.checks)),
            policy_digest=digest_of(body_of(file)),
            version=version,
            sprint=file.sprint,
            holds_on_warning=file.on_warning == "hold",
            score=_score(file),
            max_waiver=read_length(file.max_waiver, "maxWaiver", limit=_LONGEST_WAIVER),
            applied_at=applied_at,
        )

    def _check(self, file: CheckFile, place: str) -> Check:
        return Check(
            id=file.id,
            title=file.title,
            owner=file.owner,
            spec=file.read(place, self._catalogues),
            required=file.required,
            weight=1.0 if file.weight is None else file.weight,
            runbook=self._runbook(file.runbook, f"{place}.runbook"),
        )

    def _runbook(self, name: str | None, place: str) -> str | None:
        if name is None:
            return None
        slug = self._runbooks.find_slug(name)
        if slug is None:
            raise GateFileInvalidError(f"There is no runbook {name!r}.", field=place)
        return slug


def _score(file: GateFile) -> Score | None:
    if file.score is None:
        return None
    warning = file.score.pass_ if file.score.warning is None else file.score.warning
    if warning > file.score.pass_:
        raise GateFileInvalidError("It warns below what passes: make it smaller than `pass`.", field="score.warning")
    return Score(file.score.pass_, warning)
