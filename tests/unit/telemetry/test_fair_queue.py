from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import WorkspaceId
from tidegate.telemetry.fair_queue import FairQueue


@dataclass
class Item:
    workspace: WorkspaceId
    weight: int
    number: int = 0


def test_one_with_little_goes_with_the_next_whatever_another_has_waiting() -> None:
    queue: FairQueue[Item] = FairQueue()
    for number in range(100):
        queue.add(Item(WorkspaceId("flood"), 10, number))
    queue.add(Item(WorkspaceId("quiet"), 1))
    assert "quiet" in {item.workspace for item in queue.take(50)}


def test_an_item_larger_than_a_batch_goes_alone() -> None:
    queue: FairQueue[Item] = FairQueue()
    queue.add(Item(WorkspaceId("a"), 100))
    queue.add(Item(WorkspaceId("a"), 1))
    assert [item.weight for item in queue.take(10)] == [100]
    assert [item.weight for item in queue.take(10)] == [1]
    assert not queue


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20))), st.integers(1, 50))
def test_everything_comes_out_once_and_in_order_within_its_workspace(items: list[tuple[str, int]], size: int) -> None:
    queue: FairQueue[Item] = FairQueue()
    for number, (workspace, weight) in enumerate(items):
        queue.add(Item(WorkspaceId(workspace), weight, number))
    taken: list[Item] = []
    while queue:
        batch = queue.take(size)
        assert len(batch) == 1 or sum(item.weight for item in batch) <= size
        taken += batch
    assert queue.weight == 0
    assert sorted(item.number for item in taken) == list(range(len(items)))
    for workspace in "abc":
        numbers = [item.number for item in taken if item.workspace == workspace]
        assert numbers == sorted(numbers)
