"""Migrations for a cluster, as text: no cluster was at hand, so this is all that was tried."""

import re

import pytest

from tidegate.storage.migrations import _TELEMETRY_LEDGER, guard_of, read_migrations, statements_of
from tidegate.storage.migrations.rendering import ClusterNameError, render_statement


def every_statement() -> list[str]:
    shipped = [statement for migration in read_migrations("telemetry") for statement in statements_of(migration.sql)]
    return [*_TELEMETRY_LEDGER, *(guard_of(statement)[1] for statement in shipped)]


@pytest.mark.parametrize("sql", every_statement(), ids=lambda sql: " ".join(sql.split()[:6]))
def test_without_a_cluster_nothing_changes(sql: str) -> None:
    assert render_statement(sql, cluster=None) == sql


@pytest.mark.parametrize("sql", every_statement(), ids=lambda sql: " ".join(sql.split()[:6]))
def test_on_a_cluster_every_change_reaches_all_hosts_and_every_table_replicates(sql: str) -> None:
    rendered = render_statement(sql, cluster="main")
    if sql.split(maxsplit=1)[0].upper() not in {"INSERT", "SELECT", "OPTIMIZE"}:
        assert rendered.count(" ON CLUSTER 'main'") == 1, rendered
    assert not re.search(r"ENGINE = (?!Replicated)\w*MergeTree", rendered)
    assert "non_replicated" not in rendered
    assert ("replicated_deduplication_window" in rendered) == ("deduplication_window" in sql)


def test_the_name_stands_after_the_table_and_columns_stay_as_they_are() -> None:
    sql = (
        "CREATE TABLE IF NOT EXISTS tidegate.t (engine String) ENGINE = ReplacingMergeTree(precedence) ORDER BY engine"
    )
    assert render_statement(sql, cluster="eu-1") == (
        "CREATE TABLE IF NOT EXISTS tidegate.t ON CLUSTER 'eu-1' (engine String)"
        " ENGINE = ReplicatedReplacingMergeTree(precedence) ORDER BY engine"
    )
    assert render_statement("TRUNCATE TABLE IF EXISTS tidegate.t", cluster="c").endswith("tidegate.t ON CLUSTER 'c'")


@pytest.mark.parametrize("name", ["", "a'b", "a b", "1", "x" * 64])
def test_a_name_that_no_cluster_has_is_refused(name: str) -> None:
    with pytest.raises(ClusterNameError):
        render_statement("DROP TABLE tidegate.t", cluster=name)
