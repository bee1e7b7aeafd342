"""The rule file: its shape, published as a JSON Schema."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from tidegate.edge.wire import WireModel

__all__ = ["MAX_FILE_BYTES", "PatternFile", "PromFile", "RuleEntryFile", "RuleFile", "TenantBoundFile"]

MAX_FILE_BYTES = 256 * 1024  # 500 rules take 150 KB
MAX_IN_FILE = 500
MAX_BOUNDS = 1_000
MAX_VALUES = 50

_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,62}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Name = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=200)]
Value = Annotated[str, StringConstraints(max_length=512)]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d{1,9}(ms|s|m|h|d))+$", max_length=40)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")]
Dimension = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


class _Published(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class PatternFile(_Published):
    """Values that a pattern matches as a whole."""

    matches: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """RE2: patterns that take for ever do not exist in it."""


class PromFile(_Published):
    """A question to a Prometheus-compatible server, instead of a signal."""

    source: Slug
    """Name of the server: `tidegate prometheus source list`."""
    query: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]+$", max_length=4_000)]
    """An instant query as that server speaks it. Give it without a comparison: bounds belong in `threshold`."""
    every: Duration | None = None
    """How often it is asked, 5s to 1h; 30s unless said."""


class TenantBoundFile(_Published):
    """A bound for one tenant, or for all tenants of a plan."""

    tenant: Name | None = None
    plan: Name | None = None
    """A name in `plans`."""
    threshold: Number
    clear: Number | None = None
    severity: Literal["P1", "P2"] | None = None


class RuleEntryFile(_Published):
    """A rule of one's own, or, under the code of a rule that ships, what is to be different about that one."""

    code: Code
    severity: Literal["P1", "P2"] | None = None
    """`P1` wakes a person, `P2` waits for one."""
    signal: Annotated[str, StringConstraints(max_length=100)] | None = None
    """Family and figure, as `/metrics/{family}` names them: `request.errorRate`, `request.p95Ms`."""
    prom: PromFile | None = None
    """What is asked of a server of others, instead of `signal`."""
    where: Annotated[dict[Dimension, Value | Annotated[list[Value], Field(min_length=1, max_length=MAX_VALUES)]
                          | PatternFile], Field(max_length=6)] | None = None  # fmt: skip
    """Which values of dimensions count: one, a list, or `{matches: pattern}`."""
    group_by: Annotated[list[LabelName], Field(min_length=1, max_length=6)] | None = None
    """Each combination is judged by itself, with `tenant` all tenants together too. Unless said: service, tenant."""
    window: Duration | None = None
    """1s to 30d; 15m unless said."""
    op: Literal["above", "below"] | None = None
    """`above` fires at the threshold and above it, `below` at it and below it."""
    threshold: Number | None = None
    clear: Number | None = None
    """An open alert resolves only on the good side of this; the threshold unless said."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long the bound must stay crossed before it fires."""
    keep_firing_for: Duration | None = None
    """How long it must have been good before it resolves."""
    min_count: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] | None = None
    """Below this many events there is no answer; 1 for counts and 20 for everything else unless said."""
    confidence: Annotated[float, Field(ge=0.5, le=0.9999)] | None = None
    """For rates: the Wilson bound at this confidence must cross the threshold too."""
    no_data: Literal["hold", "alert", "ignore"] | None = None
    flap_damping: Annotated[bool, Field(strict=True)] | None = None
    """Whether an alert that opened and closed three times within an hour stays open; true unless said."""
    all_tenants: Annotated[bool, Field(strict=True)] | None = None
    """Whether all tenants together are judged too where `tenant` is grouped by; true unless said."""
    thresholds: Annotated[list[TenantBoundFile], Field(max_length=MAX_BOUNDS)] | None = None
    zero_tolerance: Annotated[bool, Field(strict=True)] | None = None
    """One event is enough, at once; always P1."""
    runbook: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    """Slug of a runbook, or an https address; the page of the rule's own code unless said."""
    owner: Name | None = None
    labels: Annotated[dict[LabelName, Name], Field(max_length=20)] | None = None
    summary: Annotated[str, StringConstraints(pattern=_PLAIN, max_length=300)] | None = None
    """What is wrong, with `{value}` and `{count}`."""
    enabled: Annotated[bool, Field(strict=True)] | None = None


class RuleMetadataFile(_Published):
    name: Slug
    """Of the set: a file replaces the file of the same name before it."""


class RuleFile(_Published):
    """A set of rules. Codes are unique in the workspace; a set without rules takes away what it set before."""

    api_version: Literal["tidegate/v1"]
    kind: Literal["Rules"]
    metadata: RuleMetadataFile
    plans: Annotated[dict[Name, Annotated[list[Name], Field(max_length=MAX_BOUNDS)]], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Tenants by plan, for `thresholds`."""
    rules: Annotated[list[RuleEntryFile], Field(max_length=MAX_IN_FILE)]
