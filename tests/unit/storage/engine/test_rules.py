"""What a request may set, and what it may not change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.storage.engine.claims import Access
from tidegate.storage.engine.functions import is_allowed_function
from tidegate.storage.engine.refusals import EngineError
from tidegate.storage.engine.rules import admin_settings, check_settings, claimed_settings, settings_of


def test_what_the_http_layer_hears_is_no_setting() -> None:
    url = {"query": "x", "database": "d", "param_a": "1", "wait_end_of_query": "1", "max_threads": "2"}
    assert settings_of(url) == {"max_threads": "2"}


@pytest.mark.parametrize("name", ["readonly", "additional_table_filters", "allow_ddl", "profile", "x = 1, readonly"])
@pytest.mark.parametrize("access", [Access.READ, Access.WRITE])
def test_a_claim_sets_harmless_things_only(name: str, access: Access) -> None:
    with pytest.raises(EngineError) as caught:
        check_settings({name: "0"}, access)
    assert caught.value.code == 115


def test_even_admin_cannot_smuggle_in_a_second_setting() -> None:
    check_settings({"readonly": "0"}, Access.ADMIN)
    with pytest.raises(EngineError):
        check_settings({"x = 1, y": "0"}, Access.ADMIN)
    assert admin_settings({"x": "1', y = '2"}, inserting=False) == {"x": "'1\\', y = \\'2'"}


@given(st.text(max_size=8) | st.floats().map(str))
def test_time_and_threads_stay_within_bounds(text: str) -> None:
    chosen = claimed_settings({"max_execution_time": text, "max_threads": text}, "{}", inserting=False)
    assert 0 < float(chosen["max_execution_time"].strip("'")) <= 60
    assert 0 < float(chosen["max_threads"].strip("'")) <= 2


def test_reads_are_read_only_and_both_are_filtered() -> None:
    read = claimed_settings({}, "{'t': 'f'}", inserting=False)
    write = claimed_settings({}, "{'t': 'f'}", inserting=True)
    assert read["readonly"] == "'1'"
    assert "readonly" not in write
    assert read["additional_table_filters"] == write["additional_table_filters"] == "{'t': 'f'}"


def test_what_the_child_sets_outranks_what_the_request_brings() -> None:
    chosen = claimed_settings({"deduplicate_blocks_in_dependent_materialized_views": "0"}, "{}", inserting=True)
    assert chosen["deduplicate_blocks_in_dependent_materialized_views"] == "'1'"


@pytest.mark.parametrize("name", ["count", "sumIf", "quantilesTDigestMergeState", "toStartOfInterval", "IF", "mapKeys"])
def test_functions_that_compute_are_allowed(name: str) -> None:
    assert is_allowed_function(name)


@pytest.mark.parametrize(
    "name", ["file", "FILE", "dictGetOrDefault", "joinGet", "hostName", "fileIf", "url", "if If", ""]
)
def test_functions_that_look_elsewhere_are_not(name: str) -> None:
    assert not is_allowed_function(name)
