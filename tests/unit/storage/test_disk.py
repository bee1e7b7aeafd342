"""The bound below which intake stops, with the file system's figures told by the test."""

from pathlib import Path

import pytest

from tidegate.storage.disk import Ballast, DiskLimit, DiskLimitInvalidError, DiskWatch, IntakeStoppedError

MB, GB = 10**6, 10**9


class Disk:
    """A file system whose figures are told; `look` moves the clock on."""

    def __init__(self, free: int, total: int = 100 * GB) -> None:
        self.free, self.total = free, total
        self.now = 0.0

    def measure(self, _: Path) -> tuple[int, int]:
        self.now += 0.0
        return self.free, self.total

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now

    def watch(self, limit: DiskLimit | None = None) -> DiskWatch:
        return DiskWatch([Path("/")], limit or DiskLimit(), measure=self.measure, monotonic=self.monotonic)


@pytest.mark.parametrize(
    ("total", "limit"),
    [
        pytest.param(10 * GB, 2 * GB, id="two gigabytes at least"),
        pytest.param(40 * GB, 4 * GB, id="else a tenth"),
        pytest.param(500 * GB, 5 * GB, id="and never more than five"),
        pytest.param(200 * MB, 50 * MB, id="nor more than a quarter of a small disk"),
    ],
)
def test_the_limit_follows_the_size_of_the_disk(total: int, limit: int) -> None:
    assert DiskLimit().bytes_of(total) == limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("500MB", 500 * MB),
        ("2 GB", 2 * GB),
        ("1GiB", 2**30),
        ("5%", 5 * GB),
        ("1.5G", 1500 * MB),
        ("0", 0),
        ("", 5 * GB),
    ],
)
def test_a_limit_can_be_told(text: str, limit: int) -> None:
    assert DiskLimit.parse(text).bytes_of(100 * GB) == limit


@pytest.mark.parametrize("text", ["much", "-1GB", "100%", "2 XB", "GB"])
def test_a_limit_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(DiskLimitInvalidError, match="500MB"):
        DiskLimit.parse(text)


def test_intake_stops_below_the_limit_with_figures_in_its_words() -> None:
    disk = Disk(free=1_200 * MB, total=40 * GB)
    with pytest.raises(IntakeStoppedError, match=r"disk 97 % full \(free 1.2 GB, limit 2.0 GB\)") as refused:
        disk.watch(DiskLimit.parse("2GB")).gate()
    assert refused.value.retry_after_s >= 1


def test_intake_goes_on_by_itself_once_there_is_room_and_a_little_more() -> None:
    disk = Disk(free=10 * GB)
    watch = disk.watch()
    watch.gate()
    disk.free = 5 * GB - 1
    with pytest.raises(IntakeStoppedError):
        watch.gate()
    disk.free = 5 * GB + 1  # one merge more or less: still stopped
    with pytest.raises(IntakeStoppedError):
        watch.gate()
    disk.free = 6 * GB
    watch.gate()


def test_the_file_system_with_the_least_room_decides() -> None:
    free = {"a": 50 * GB, "b": 1 * GB}
    watch = DiskWatch([Path("a"), Path("b")], DiskLimit(), measure=lambda folder: (free[str(folder)], 100 * GB))
    room = watch.look()
    assert room is not None
    assert (room.is_stopped, room.free_bytes) == (True, 1 * GB)


def test_what_cannot_be_measured_refuses_nothing() -> None:
    watch = DiskWatch([Path("/does/not/exist")], DiskLimit())
    watch.gate()
    assert watch.look() is None


def test_looking_is_not_repeated_for_every_batch() -> None:
    looks: list[Path] = []

    def measure(folder: Path) -> tuple[int, int]:
        looks.append(folder)
        return 50 * GB, 100 * GB

    watch = DiskWatch([Path("a")], DiskLimit(), measure=measure, monotonic=lambda: 7.0)
    for _ in range(100):
        watch.gate()
    assert len(looks) == 1


def test_the_ballast_is_given_up_on_a_full_disk_and_made_again_above_the_limit(tmp_path: Path) -> None:
    disk = Disk(free=1 * GB, total=2 * GB)
    ballast = Ballast(tmp_path, DiskLimit.parse("100MB"), measure=disk.measure)
    assert ballast.keep() == "made"
    assert (tmp_path / "ballast").stat().st_size == 16 * 2**20
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 16 * 2**20  # no hole: it does take room
    assert ballast.keep() is None
    disk.free = 1 * MB
    assert ballast.keep() == "released"
    assert not ballast.is_there
    disk.free = 60 * MB  # what was made free is for the engines
    assert ballast.keep() is None
    disk.free = 500 * MB
    assert ballast.keep() == "made"


def test_a_ballast_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "missing", DiskLimit(), measure=lambda _: (50 * GB, 100 * GB))
    assert ballast.keep() is None
