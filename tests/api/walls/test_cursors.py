"""Abuse case 5, for every list there is: a cursor is of one workspace, one list and one question.

The lists are those of a workspace that generated requests leave as it is, so the order of the tests does not matter.
"""

import re

import pytest
from tests.api.walls.requests import Operation, decoded, operations
from tests.api.walls.world import Doors, Installation

from tidegate.app.routers import ROUTERS


def lists() -> list[Operation]:
    """Return every JSON list that takes a cursor."""
    from tests.architecture.test_documentation import generator

    found = operations(generator().application().openapi())
    return [each for each in found if "cursor" in each.query_slots and each.template.startswith("/api/")]


LISTS = lists()


def path_of(operation: Operation, installation: Installation) -> str:
    path = operation.template
    for slot in operation.path_slots:
        path = path.replace(f"{{{slot}}}", installation.others[0].slots[slot][0])
    return path


async def first_cursor(doors: Doors, installation: Installation, operation: Operation) -> str:
    answer = await doors.call(installation.others[0], "GET", path_of(operation, installation), params={"limit": "1"})
    assert answer.status_code == 200, answer.text
    cursor = answer.json()["nextCursor"]
    assert cursor is not None, "the workspace has too little for two pages of this list"
    assert isinstance(cursor, str)
    return cursor


@pytest.mark.parametrize("operation", LISTS, ids=lambda each: each.template)
async def test_a_cursor_is_good_for_its_own_list_and_for_nothing_else(
    doors: Doors, installation: Installation, operation: Operation
) -> None:
    cursor = await first_cursor(doors, installation, operation)
    path, own = path_of(operation, installation), installation.others[0]
    following = await doors.call(own, "GET", path, params={"limit": "1", "cursor": cursor})
    assert following.status_code == 200, following.text
    for whose, changed, about in (
        (installation.own, cursor, {}),
        (own, cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB"), {}),
        (own, cursor, {"made": "otherwise"}),
    ):
        refused = await doors.call(whose, "GET", path, params={"limit": "1", "cursor": changed, **about})
        # What is another workspace's is not found before anybody looks at the cursor.
        assert refused.status_code in ({404, 422} if operation.path_slots else {422}), refused.text
        assert decoded(cursor) == "" or installation.others[0].mark not in refused.text


async def test_a_cursor_of_one_list_is_refused_by_every_other(doors: Doors, installation: Installation) -> None:
    cursors = {each.template: await first_cursor(doors, installation, each) for each in LISTS}
    for operation in LISTS:
        for template, cursor in cursors.items():
            if template != operation.template:
                path = path_of(operation, installation)
                refused = await doors.call(installation.others[0], "GET", path, params={"cursor": cursor})
                assert refused.status_code == 422, (operation.template, template, refused.text)
                assert refused.json()["field"] == "cursor"


def test_every_list_of_pages_and_routes_is_known() -> None:
    served = {route.path for router in ROUTERS for route in router.routes}
    assert {each.template for each in LISTS} <= served
    assert len(LISTS) >= 12
    assert not [each for each in LISTS if re.search(r"export", each.template)]
