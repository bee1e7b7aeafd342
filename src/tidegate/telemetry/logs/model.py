"""A log record as it is stored, and the event that it stands for. Pure."""

from collections.abc import Mapping

import msgspec

from tidegate.kernel import WorkspaceId


class EventColumns(msgspec.Struct, kw_only=True, frozen=True):
    """What counting reads of a record; without a family it is a line like any other."""

    families: int = 0
    is_sampled: int = 0
    weight_milli: int = 1_000
    """A thousand for each event that the record stands for: `message repeated 5 times` is 5,000."""
    tenant: str = ""
    route: str = ""
    http_method: str = ""
    http_status: int = 0
    error_type: str = ""
    client_address: str = ""
    auth_method: str = ""
    denial_class: str = ""
    principal_tenant: str = ""
    target_tenant: str = ""
    is_granted: int = 0
    lifecycle_action: str = ""
    lifecycle_outcome: str = ""
    object: str = ""
    detail: str = ""
    outcome: str = ""
    attempt: int = 0
    wait_ns: int = 0
    amount_micro: int | None = None
    limit_micro: int | None = None
    duration_ns: int = 0


class LogRow(EventColumns, kw_only=True, frozen=True):
    """One row of the table `raw_logs`."""

    workspace: WorkspaceId
    log_id: str
    second: int
    """Unix second of the record's own time, else of when it was observed: the bucket that counts it."""
    time_ns: int
    received_ns: int
    precedence: int
    trace_id: str
    span_id: str
    severity: int
    """OTLP's number: 1 to 24, 0 when nobody said."""
    severity_text: str
    event_name: str
    body: str
    scope: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    request_id: str
    correlation_id: str
    distrusted: int
    replayed: int
    service: str
    environment: str
    release: str


LOG_COLUMNS = LogRow.__struct_fields__

Event = Mapping[str, object]
"""Fields of `EventColumns` that a record says; `{}` is no event."""
