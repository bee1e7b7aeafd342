"""The values that were used last, up to a weight: what is dear to read and asked for every second."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Forgets what was used longest ago; a value that is heavier than all may be together is not kept."""

    def __init__(self, *, max_weight: int) -> None:
        self._max_weight = max_weight
        self._weight = 0
        self._values: OrderedDict[Key, tuple[int, Value]] = OrderedDict()

    def find(self, key: Key) -> Value | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[1]

    def add(self, key: Key, value: Value, *, weight: int) -> None:
        self._weight += weight - self._values.pop(key, (0, None))[0]
        self._values[key] = weight, value
        while self._weight > self._max_weight:
            _, (forgotten, _) = self._values.popitem(last=False)
            self._weight -= forgotten
