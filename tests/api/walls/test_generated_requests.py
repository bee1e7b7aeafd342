"""Over every route, with ids of others in every slot: nothing of them comes back, nothing of them changes.

With all walls, and without each one of them: then the others hold alone. `make test-walls` sends 5,000, and
`benchmarks/walls.py` as many as one likes.
"""

import pytest
from tests.api.walls.judging import Judge, Verdicts, collect
from tests.api.walls.requests import Generator
from tests.api.walls.unwalled import WALLS, without
from tests.api.walls.world import Installation, document_of

REQUESTS = 165  # each operation once and some twins, 22 ms of processors' time each
LONG_REQUESTS = 1_250  # by four choices of walls 5,000, 14 ms each


@pytest.fixture(scope="module")
def judge(installation: Installation) -> Judge:
    return Judge(installation)


async def send_many(installation: Installation, judge: Judge, wall: str, *, count: int, seed: int) -> Verdicts:
    async with without(installation, wall) as doors:
        generator = Generator(installation, document_of(doors), seed=seed)
        await collect(doors, installation, generator)
        assert generator.cursors
        return await judge.run(doors, generator, count=count)


@pytest.mark.parametrize("wall", WALLS)
async def test_nothing_of_another_workspace_comes_back_or_changes_without(
    installation: Installation, judge: Judge, wall: str
) -> None:
    found = await send_many(installation, judge, wall, count=REQUESTS, seed=WALLS.index(wall))
    assert found.is_clean, found.summary()
    assert found.pair_count > 5
    reached = {operation for operation, statuses in found.statuses.items() if min(statuses) < 429}
    assert len(reached) > 110


@pytest.mark.long
@pytest.mark.parametrize("wall", WALLS)
async def test_nothing_of_another_workspace_comes_back_or_changes_in_the_long_run(
    installation: Installation, judge: Judge, wall: str
) -> None:
    found = await send_many(installation, judge, wall, count=LONG_REQUESTS, seed=100 + WALLS.index(wall))
    assert found.is_clean, found.summary()
