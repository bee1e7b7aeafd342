"""Which sums over the counts make which totals of a family. Names end in `_count` where adjusted counts are summed."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidegate.signals.model import Family, Totals
from tidegate.telemetry.evaluations import CITATION_COVERAGE, GROUNDEDNESS

# What is counted from raw rows has one marker, runs another: they change other seconds.
STORED: Final[Mapping[Family, tuple[str, ...]]] = {
    **{family: (family.value,) for family in Family},
    Family.RETRIEVAL: ("retrieval", "evaluation"),
}

_CITATION_COVERAGE, _GROUNDEDNESS = (
    ", ".join(f"'{name}'" for name in sorted(names)) for names in (CITATION_COVERAGE, GROUNDEDNESS)
)
_SUCCESS: Final = "status BETWEEN 200 AND 399"
_RUN_OUTCOMES: Final = ("failed", "policy_blocked", "validation_error", "cancelled")


def _if(condition: str) -> str:
    return f"sumIf(weight_milli, {condition})"


def _outcomes(family: str, **fields: str) -> dict[str, str]:
    return {f"{name}_count": _if(f"family = '{family}' AND outcome = '{outcome}'") for name, outcome in fields.items()}


def _everywhere(family: Family) -> dict[str, str]:
    return {
        "sampled_count": f"sumIf(sampled_count, family = '{family}') * 1000",
        "replayed_count": _if(f"family = '{family}' AND replayed = 1"),
    }


SUMS: Final[Mapping[Family, Mapping[str, str]]] = {
    Family.REQUEST: {
        "count": _if("family = 'request'"),
        "success_count": _if(f"family = 'request' AND {_SUCCESS}"),
        # An answer without a status is no success: nobody saw it end well.
        "failure_count": _if("family = 'request' AND (status >= 500 OR status = 0)"),
        "unauthorized_count": _if("family = 'request' AND status IN (401, 403)"),
    },
    Family.AUTH: {
        "count": _if("family = 'auth' AND outcome != 'unauthorized'"),
        "success_count": _if(f"family = 'auth' AND (outcome = 'success' OR (outcome = '' AND {_SUCCESS}))"),
        "failure_count": _if(f"family = 'auth' AND (outcome = 'failure' OR (outcome = '' AND NOT ({_SUCCESS})))"),
        "unauthorized_count": _if(
            "family = 'auth' AND (outcome = 'unauthorized' OR (outcome != 'success' AND status IN (401, 403)))"
        ),
    },
    Family.TENANT: {
        "count": _if("family = 'tenant' AND (source = 'request' OR object = '')"),
        "denied_count": _if("family = 'tenant' AND detail NOT IN ('', 'leak')"),
        "cross_tenant_denied_count": _if("family = 'tenant' AND detail = 'cross_tenant'"),
        "membership_denied_count": _if("family = 'tenant' AND detail = 'membership'"),
        "leak_count": _if("family = 'tenant' AND detail = 'leak'"),
        "lifecycle_count": _if("family = 'tenant' AND object != ''"),
        "lifecycle_anomaly_count": _if("family = 'tenant' AND object != '' AND outcome IN ('failed', 'out_of_order')"),
    },
    Family.AI_RUN: {
        "count": _if("family = 'ai_run'"),
        **{f"{name}_count": _if(f"family = 'ai_run' AND outcome = '{name}'") for name in _RUN_OUTCOMES},
        "priced_count": "sum(priced_milli)",
        "cost_nano_usd": "sum(toInt128(cost_nano_usd))",
        "input_tokens": "sum(input_tokens)",
        "output_tokens": "sum(output_tokens)",
        "cached_input_tokens": "sum(cached_input_tokens)",
        "cache_write_tokens": "sum(cache_write_tokens)",
        "reasoning_tokens": "sum(reasoning_tokens)",
    },
    Family.TOOL_CALL: {
        "count": _if("family = 'tool_call'"),
        **_outcomes("tool_call", ok="ok", failed="failed", timeout="timeout", denied="denied"),
    },
    Family.INGESTION: {
        "count": _if("family = 'ingestion' AND outcome != 'sent'"),
        **_outcomes("ingestion", ok="done", retry="retry", dead_letter="dead_letter", failed="failed", sent="sent"),
        "wait_us": "sumIf(wait_us, family = 'ingestion' AND outcome != 'sent')",
    },
    Family.RETRIEVAL: {
        "count": _if("family = 'retrieval'"),
        **_outcomes("retrieval", ok="ok", failed="failed", empty="empty"),
        "citation_count": f"sumIf(amount_count, family = 'evaluation' AND object IN ({_CITATION_COVERAGE}))",
        "citation_micro": f"sumIf(toInt128(amount_micro), family = 'evaluation' AND object IN ({_CITATION_COVERAGE}))",
        "groundedness_count": f"sumIf(amount_count, family = 'evaluation' AND object IN ({_GROUNDEDNESS}))",
        "groundedness_micro": f"sumIf(toInt128(amount_micro), family = 'evaluation' AND object IN ({_GROUNDEDNESS}))",
    },
    Family.DELIVERY: {
        "count": _if("family = 'delivery'"),
        **_outcomes("delivery", ok="ok", failed="failed", dead_letter="dead_letter"),
        "invalid_signature_count": _if("family = 'delivery' AND detail = 'invalid'"),
        "duplicate_effect_count": _if("family = 'delivery' AND detail = 'duplicate'"),
    },
    Family.ACCESS_SYNC: {
        "count": _if("family = 'access_sync'"),
        **_outcomes("access_sync", ok="ok", failed="failed"),
        "drift_count": _if("family = 'access_sync' AND detail != ''"),
        "amount_count": "sumIf(amount_count, family = 'access_sync')",
        "amount_micro": "sumIf(toInt128(amount_micro), family = 'access_sync')",
    },
    Family.USAGE: {
        "count": _if("family = 'usage'"),
        **_outcomes("usage", ok="ok", refused="refused"),
        "amount_count": "sumIf(amount_count, family = 'usage')",
        "amount_micro": "sumIf(toInt128(amount_micro), family = 'usage')",
        "limit_micro": "maxIf(limit_micro, family = 'usage')",
    },
    Family.POLICY: {
        "count": _if("family = 'policy'"),
        **_outcomes("policy", ok="allow", denied="deny"),
    },
    Family.RUNTIME: {"count": _if("family = 'runtime'")},
}


_ALL: Final[Mapping[Family, Mapping[str, str]]] = {
    family: {**sums, **_everywhere(family)} for family, sums in SUMS.items()
}
_PICKED: Final[Mapping[Family, tuple[tuple[str, str, bool], ...]]] = {
    family: tuple((field, f"{field}__{family.value}", field == "count" or field.endswith("_count")) for field in sums)
    for family, sums in _ALL.items()
}


def sums_of(families: Iterable[Family]) -> str:
    """Return the sums of `families`, for `totals_of` to pick."""
    return ", ".join(f"{_ALL[family][field]} AS {name}" for family in families for field, name, _ in _PICKED[family])


def totals_of(family: Family, row: Mapping[str, Any]) -> Totals:
    """Return the totals in a row of `sums_of`."""
    return Totals(
        **{field: int(row[name]) // 1000 if is_milli else int(row[name]) for field, name, is_milli in _PICKED[family]}
    )


def names_of(family: Family) -> tuple[str, ...]:
    """Return the names under which `sums_of` gives the sums of one family."""
    return tuple(name for _, name, _ in _PICKED[family])
