"""What waits to be stored, taken in turns: one with much waits for its turn, one with little goes with the next."""

from collections import OrderedDict, deque
from typing import Generic, Protocol, TypeVar

from tidegate.kernel import WorkspaceId

__all__ = ["FairQueue"]


class Waiting(Protocol):
    @property
    def workspace(self) -> WorkspaceId: ...

    @property
    def weight(self) -> int: ...


Item = TypeVar("Item", bound=Waiting)


class FairQueue(Generic[Item]):
    """First come, first served within a workspace; in turns between them."""

    def __init__(self) -> None:
        self._queues: OrderedDict[WorkspaceId, deque[Item]] = OrderedDict()
        self.weight = 0

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, item: Item) -> None:
        self._queues.setdefault(item.workspace, deque()).append(item)
        self.weight += item.weight

    def take(self, max_weight: int) -> list[Item]:
        """Return what goes next: at least one item, else at most `max_weight` in all."""
        taken: list[Item] = []
        size = 0
        while self._queues:
            workspace, queue = next(iter(self._queues.items()))
            if taken and size + queue[0].weight > max_weight:
                break
            item = queue.popleft()
            taken.append(item)
            size += item.weight
            if queue:
                self._queues.move_to_end(workspace)
            else:
                del self._queues[workspace]
        self.weight -= size
        return taken
