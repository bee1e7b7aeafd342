"""Rows of inserts in memory files: one is kept and written over, and none is seen by two inserts."""

from pathlib import Path

from tidegate.storage.engine.memory_files import MemoryFiles


def test_a_short_insert_after_a_long_one_holds_nothing_of_it() -> None:
    files = MemoryFiles()
    with files.holding(b"long " * 100_000) as first:
        assert Path(first).read_bytes() == b"long " * 100_000
    with files.holding(memoryview(b"short")) as second:
        assert (second, Path(second).read_bytes()) == (first, b"short")


def test_two_inserts_at_once_have_files_of_their_own() -> None:
    files = MemoryFiles()
    with files.holding(b"one") as first, files.holding(b"other") as second:
        assert [Path(path).read_bytes() for path in (first, second)] == [b"one", b"other"]


def test_the_file_of_an_insert_that_failed_is_not_written_over() -> None:
    files = MemoryFiles()
    lent = files.holding(b"rows")
    with Path(lent.__enter__()).open("rb") as still_reading:  # as the engine may, after its answer is given up
        assert not lent.__exit__(RuntimeError, RuntimeError(), None)
        with files.holding(b"more"):
            assert still_reading.read() == b"rows"


def test_memory_of_a_very_large_insert_is_not_kept() -> None:
    files = MemoryFiles()
    with files.holding(bytes(17 * 2**20)) as first:
        pass
    assert not Path(first).exists()
