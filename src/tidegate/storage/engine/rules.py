"""Which settings a request may bring, and which the child sets whatever the request says."""

import re
from collections.abc import Mapping

from tidegate.storage.engine.claims import Access
from tidegate.storage.engine.library import literal_settings
from tidegate.storage.engine.quoting import string_literal
from tidegate.storage.engine.refusals import UNKNOWN_SETTING, EngineError

MAX_EXECUTION_S = 60.0
_DEFAULT_EXECUTION_S = 30.0
_THREADS = 2
_SETTING_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Spoken to the HTTP layer, not to the engine: sessions, compression and progress are not offered, answers are whole.
TRANSPORT = frozenset({
    "query", "database", "query_id", "default_format", "user", "password", "quota_key", "wait_end_of_query",
    "buffer_size", "compress", "decompress", "enable_http_compression", "http_zlib_compression_level",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "client_protocol_version",
    "cancel_http_readonly_queries_on_client_close",
})  # fmt: skip
# Only how values are written and read, how long and how wide a query runs, and the token of an insert.
_HARMLESS = frozenset({
    "insert_deduplication_token", "deduplicate_blocks_in_dependent_materialized_views", "max_execution_time",
    "max_threads", "max_result_rows", "date_time_input_format", "date_time_output_format", "join_use_nulls",
    "cast_string_to_dynamic_use_inference", "input_format_skip_unknown_fields",
    "output_format_json_quote_64bit_integers", "output_format_json_quote_64bit_floats",
    "output_format_json_quote_denormals",
})  # fmt: skip
# The condition cache remembers granules by a condition without the claim's filter; merged filters may run the
# statement's condition first, and its errors would tell of foreign rows.
_ALWAYS = {
    "use_query_condition_cache": "0",
    "use_query_cache": "0",
    "query_plan_merge_filters": "0",
    "allow_introspection_functions": "0",
    # The cache of what is compiled is small, so it was compiled again and again: 60 CPU-ms a large statement.
    "compile_expressions": "0",
    "implicit_select": "0",
    "max_result_bytes": "134217728",
    "max_ast_elements": "20000",
}
# One insert is one block, hence one part: nothing is stored when its last row is refused. A token alone makes it
# repeatable, also when it is written as INSERT … SELECT.
INSERTING = {
    "deduplicate_insert_select": "enable_even_for_bad_queries",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_insert_threads": "1",
    # Copies within one insert wait for a merge like all others, and readers look at each identity once: a fifth of
    # what an insert of 8,192 spans costs.
    "optimize_on_insert": "0",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "0",
    "input_format_parallel_parsing": "0",
    "input_format_import_nested_json": "1",
    "date_time_input_format": "best_effort",
}
# A block of two partitions is two parts, and a crash may leave one of them: refused rather than halved.
WRITING = INSERTING | {"max_partitions_per_insert_block": "1", "throw_on_max_partitions_per_insert_block": "1"}


def settings_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the settings among the URL's parameters."""
    return {
        name: value for name, value in parameters.items() if name not in TRANSPORT and not name.startswith("param_")
    }


def check_settings(settings: Mapping[str, str], access: Access) -> None:
    """Refuse what a claim may not set.

    Raises:
        EngineError: one of `settings` is not among the harmless ones; `admin` may set any.
    """
    for name in settings:
        if not _SETTING_NAME.fullmatch(name) or (access is not Access.ADMIN and name not in _HARMLESS):
            raise EngineError(UNKNOWN_SETTING, f"The setting {name!r} is not among those a request may bring.")


def claimed_settings(settings: Mapping[str, str], filters: str, *, inserting: bool) -> dict[str, str]:
    """Return what holds for a read or write claim: what it brought within bounds, then what it cannot change."""
    chosen = dict(settings)
    chosen["max_execution_time"] = f"{_bounded(settings.get('max_execution_time', ''), MAX_EXECUTION_S):g}"
    chosen["max_threads"] = f"{_bounded(settings.get('max_threads', ''), _THREADS, _THREADS):g}"
    literals = literal_settings({**chosen, **_ALWAYS, **(WRITING if inserting else {})})
    literals["additional_table_filters"] = filters
    if not inserting:
        literals["readonly"] = string_literal("1")
    return literals


def erase_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what holds for an erase claim: the statement ends when no reader sees the rows any more."""
    chosen = {"max_execution_time": f"{_bounded(settings.get('max_execution_time', ''), MAX_EXECUTION_S):g}"}
    return literal_settings({**chosen, **_ALWAYS, "lightweight_deletes_sync": "2"})


def admin_settings(settings: Mapping[str, str], *, inserting: bool) -> dict[str, str]:
    return literal_settings({**(INSERTING if inserting else {}), **settings})


def _bounded(text: str, ceiling: float, default: float = _DEFAULT_EXECUTION_S) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return min(value, ceiling) if value > 0 else default
