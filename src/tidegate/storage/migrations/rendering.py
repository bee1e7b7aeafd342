"""One set of telemetry migrations for the embedded engine, a server and a cluster: the last is rendered from the first.

On a cluster every table is on every host (`ON CLUSTER`), keeps itself in step (`Replicated…` engines) and remembers the
tokens of inserts in the keeper (`replicated_deduplication_window`). One shard: rows are copied, not spread.
"""

import re
from typing import ClassVar

from tidegate.kernel import InvalidInputError

__all__ = ["ClusterNameError", "render_statement"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_TABLE = r"(?:IF (?:NOT )?EXISTS )?[A-Za-z_][A-Za-z0-9_.]*"
_CHANGES = re.compile(
    rf"^(\s*(?:(?:CREATE|DROP) (?:DATABASE|TABLE|VIEW|MATERIALIZED VIEW)|TRUNCATE TABLE|ALTER TABLE) {_TABLE})"
)
_RENAMES = re.compile(r"^(\s*(?:RENAME TABLE|EXCHANGE TABLES) .*?)(;?\s*)$", re.DOTALL)
_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)\b")


class ClusterNameError(InvalidInputError):
    code: ClassVar[str] = "cluster_name_invalid"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"TIDEGATE_TELEMETRY_CLUSTER is {name!r}: write the name of a cluster as system.clusters has it.",
            field="TIDEGATE_TELEMETRY_CLUSTER",
        )


def render_statement(sql: str, *, cluster: str | None) -> str:
    """Return a statement of ours for `cluster`, or unchanged when there is none.

    Raises:
        ClusterNameError: a cluster cannot have this name.
    """
    if cluster is None:
        return sql
    if _NAME.fullmatch(cluster) is None:
        raise ClusterNameError(cluster)
    on_cluster = f" ON CLUSTER '{cluster}'"
    rendered = _CHANGES.sub(lambda found: found[1] + on_cluster, sql, count=1)
    rendered = _RENAMES.sub(lambda found: found[1] + on_cluster + found[2], rendered, count=1)
    rendered = _ENGINE.sub(r"ENGINE = Replicated\1", rendered)
    return rendered.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
