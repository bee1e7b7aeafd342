"""A thread of its own for what takes tenths of a second under load: requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")

# One: each thread that ever counted keeps the memory of its largest arrays.
_COUNTING: Final = ThreadPoolExecutor(1, "counting")


async def apart(work: Callable[Given, Found], /, *args: Given.args, **kwargs: Given.kwargs) -> Found:
    """Return what `work` returns; it shares nothing that changes with the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_COUNTING, partial(work, *args, **kwargs))
