"""What an Alertmanager's API reads and writes: https://github.com/prometheus/alertmanager, api/v2/openapi.yaml."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from tidegate.alerts.alertmanager.answers import Shown, ShownGroup
from tidegate.alerts.alertmanager.model import MAX_ALERTS, RESOLVE_TIMEOUT, Sent, labels_key
from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import MAX_MATCHERS, Matcher, Operator, Silence, make_matcher
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import InvalidInputError

__all__ = [
    "AlertGroupOut", "ClusterOut", "ConfigOut", "GettableAlertOut", "GettableSilenceOut", "PostableAlertIn",
    "PostableAlertsIn", "PostableSilenceIn", "ReceiverOut", "SilenceMadeOut", "StatusOut", "VersionOut",
]  # fmt: skip

_NEVER: Final = 1  # the year of Go's zero moment, which stands for none
_FIRST, _LAST = 1970, 8_999  # with room for sums with moments at both ends
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if value is not None and not isinstance(value, str):
        raise ValueError("a moment is written as text: 2026-11-21T08:04:12.403Z")
    return value


def _within_calendar(moment: datetime) -> datetime | None:
    if moment.year == _NEVER:
        return None
    if not _FIRST <= moment.year <= _LAST:
        raise ValueError(f"a moment lies between the years {_FIRST} and {_LAST}")
    return moment.astimezone(UTC)


_Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_within_calendar)]


class _Lenient(BaseModel):
    """What is not known is left alone, as Alertmanager does: a newer sender says more."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class PostableAlertIn(_Lenient):
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: _Moment | None = None
    """Now unless said."""
    ends_at: _Moment | None = None
    """Unless said, five minutes from now; a moment that is past says that it is over."""
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""

    def sent_at(self, now: datetime) -> Sent:
        """Return the alert with its times filled in, as Alertmanager does."""
        ends_at = self.ends_at or now + RESOLVE_TIMEOUT
        return Sent(
            labels=labels_key(self.labels),
            annotations=tuple(sorted((self.annotations or {}).items())),
            starts_at=self.starts_at or self.ends_at or now,
            ends_at=ends_at,
            is_timeout=self.ends_at is None,
            generator_url=self.generator_url,
        )


class PostableAlertsIn(RootModel[Annotated[list[PostableAlertIn], Field(max_length=MAX_ALERTS)]]):
    """A list: the body of a push."""


class ReceiverOut(WireModel):
    name: str


class AlertStatusOut(WireModel):
    state: Literal["unprocessed", "active", "suppressed"]
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    """Fingerprints."""
    muted_by: tuple[str, ...]


class GettableAlertOut(WireModel):
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: Utc
    ends_at: Utc
    updated_at: Utc
    generator_url: Annotated[str, Field(alias="generatorURL")]
    fingerprint: str
    receivers: tuple[ReceiverOut, ...]
    status: AlertStatusOut

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            labels=dict(shown.labels),
            annotations=dict(shown.annotations),
            starts_at=shown.starts_at,
            ends_at=shown.ends_at,
            updated_at=shown.updated_at,
            generator_url=shown.generator_url,
            fingerprint=shown.fingerprint,
            receivers=tuple(ReceiverOut(name=name) for name in shown.receivers),
            status=AlertStatusOut(
                state="suppressed" if shown.is_suppressed else "active",
                silenced_by=shown.silenced_by,
                inhibited_by=shown.inhibited_by,
                muted_by=shown.muted_by,
            ),
        )


class AlertGroupOut(WireModel):
    labels: dict[str, str]
    receiver: ReceiverOut
    alerts: tuple[GettableAlertOut, ...]

    @classmethod
    def of(cls, group: ShownGroup) -> Self:
        return cls(
            labels=dict(group.labels),
            receiver=ReceiverOut(name=group.receiver),
            alerts=tuple(map(GettableAlertOut.of, group.alerts)),
        )


class MatcherIn(_Lenient):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True

    def matcher(self) -> Matcher:
        if not _LABEL.fullmatch(self.name):
            raise InvalidInputError(f"invalid matcher: invalid label name {self.name[:80]!r}", field="matchers")
        operators = {
            (False, True): Operator.EQUAL,
            (False, False): Operator.NOT_EQUAL,
            (True, True): Operator.MATCHES,
            (True, False): Operator.MATCHES_NOT,
        }
        return make_matcher(self.name, operators[self.is_regex, self.is_equal], self.value)


class MatcherOut(WireModel):
    name: str
    value: str
    is_regex: bool
    is_equal: bool

    @classmethod
    def of(cls, matcher: Matcher) -> Self:
        return cls(
            name=matcher.name,
            value=matcher.value,
            is_regex=matcher.operator in {Operator.MATCHES, Operator.MATCHES_NOT},
            is_equal=matcher.operator in {Operator.EQUAL, Operator.MATCHES},
        )


class PostableSilenceIn(_Lenient):
    id: str = ""
    """Of the one to change; empty makes a new one."""
    matchers: Annotated[tuple[MatcherIn, ...], Field(min_length=1, max_length=MAX_MATCHERS)]
    starts_at: _Moment
    ends_at: _Moment
    created_by: Annotated[str, Field(max_length=200)]
    """Kept as what the sender says; who did it is whose token it is."""
    comment: Annotated[str, Field(max_length=1_000)]
    """The reason."""

    def wish(self) -> SilenceWish:
        matchers = tuple(each.matcher() for each in self.matchers)
        for name, text in (("comment", self.comment), ("createdBy", self.created_by)):
            if "\0" in text:
                raise InvalidInputError(f"invalid silence: {name} contains a NUL character", field=name)
        if not self.ends_at:
            raise InvalidInputError("invalid silence: missing end timestamp", field="endsAt")
        return SilenceWish(matchers, self.comment, self.starts_at, self.ends_at, author=self.created_by)


class SilenceMadeOut(WireModel):
    silence_id: Annotated[str, Field(alias="silenceID")]


class SilenceStatusOut(WireModel):
    state: Literal["expired", "active", "pending"]


class GettableSilenceOut(WireModel):
    id: str
    status: SilenceStatusOut
    updated_at: Utc
    matchers: tuple[MatcherOut, ...]
    starts_at: Utc
    ends_at: Utc
    created_by: str
    comment: str
    annotations: Annotated[dict[str, str], Field(default_factory=dict)]

    @classmethod
    def of(cls, silence: Silence, *, now: datetime) -> Self:
        return cls(
            id=silence.id,
            status=SilenceStatusOut(state=silence.state_at(now).value),
            updated_at=silence.updated_at or silence.created_at,
            matchers=tuple(map(MatcherOut.of, silence.matchers)),
            starts_at=silence.starts_at,
            ends_at=silence.ends_at,
            created_by=silence.author or silence.created_by,
            comment=silence.reason,
        )

    @classmethod
    def list_of(cls, silences: Iterable[Silence], *, now: datetime) -> list[Self]:
        return [cls.of(silence, now=now) for silence in silences]


class ClusterOut(WireModel):
    status: Literal["ready", "settling", "disabled"] = "disabled"
    """Several of these servers share one state: there is nothing to gossip about."""
    peers: tuple[str, ...] = ()


class VersionOut(WireModel):
    version: str
    revision: str = ""
    branch: str = ""
    build_user: str = ""
    build_date: str = ""
    go_version: str = ""


class ConfigOut(WireModel):
    original: str
    """The routes in force."""


class StatusOut(WireModel):
    cluster: ClusterOut
    version_info: VersionOut
    config: ConfigOut
    uptime: Utc
    """When this process began."""
