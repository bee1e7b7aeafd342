"""Which tables a claim may name, from the engine's own list."""

import pytest

from tidegate.storage.engine.catalog import LiveCatalog, read_catalog

ROWS = """\
runs\tReplacingMergeTree\tworkspace\tLowCardinality(String)\t\t
runs\tReplacingMergeTree\tn\tInt64\tDEFAULT\t1 + 1
runs\tReplacingMergeTree\ttwice\tInt64\tMATERIALIZED\tn * 2
hidden\tMergeTree\ts\tString\t\t
merged\tMerge\tworkspace\tString\t\t
far\tDistributed\tworkspace\tString\t\t
.inner_id.1\tMergeTree\tworkspace\tString\t\t
seen\tView\tworkspace\tEnum8(\\'a\\' = 1)\t\t
"""
CATALOG = read_catalog(ROWS)


def test_tables_with_a_workspace_in_an_engine_that_filters_are_listed() -> None:
    assert CATALOG.listed == {"runs", "seen"}
    assert CATALOG.existing >= {"hidden", "merged", "far"}


def test_each_listed_table_is_filtered() -> None:
    assert CATALOG.filters(["a", "o'b\\"]) == (
        r"{'tidegate.runs': 'workspace IN (\'a\', \'o\\\'b\\\\\')', "
        r"'tidegate.seen': 'workspace IN (\'a\', \'o\\\'b\\\\\')'}"
    )


def test_a_structure_carries_types_and_defaults() -> None:
    assert (
        CATALOG.structure("runs", ["n", "workspace"]) == "`n` Int64 DEFAULT 1 + 1, `workspace` LowCardinality(String)"
    )
    assert CATALOG.structure("seen", ["workspace"]) == "`workspace` Enum8('a' = 1)"


@pytest.mark.parametrize("column", ["twice", "none"])
def test_columns_that_take_no_values_have_no_structure(column: str) -> None:
    with pytest.raises(KeyError):
        CATALOG.structure("runs", [column])


def test_the_catalog_is_read_again_after_a_change_even_one_that_overlaps() -> None:
    answers = iter([ROWS, ROWS.replace("hidden", "shown"), ""])

    def answer(_: str) -> str:
        rows = next(answers)
        if "shown" in rows:
            live.forget()  # a table is made while the list is on its way
        return rows

    live = LiveCatalog(answer)
    assert "hidden" in live.current().existing
    assert "hidden" in live.current().existing
    live.forget()
    assert "shown" in live.current().existing
    assert live.current().existing == frozenset()
