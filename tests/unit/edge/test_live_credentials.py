"""Streams and the credentials that they were begun with: one question a reading, doubt at once, proof before an end."""

from collections.abc import Collection, Mapping

import pytest

from tidegate.edge.caller import Caller, Scope
from tidegate.edge.live import LiveHub
from tidegate.kernel import WorkspaceId

ACME, SHOP = WorkspaceId("acme"), WorkspaceId("shop")


class Standings:
    def __init__(self) -> None:
        self.found: dict[WorkspaceId, dict[str, str]] = {
            ACME: {"ses_1": "viewer", "ses_2": "viewer"},
            SHOP: {"ses_1": "owner"},
        }
        self.asked: list[dict[WorkspaceId, set[str]]] = []

    async def standings(
        self, listeners: Mapping[WorkspaceId, Collection[str]]
    ) -> Mapping[WorkspaceId, Mapping[str, str]]:
        self.asked.append({workspace: set(actors) for workspace, actors in listeners.items()})
        return self.found


class NoVersions:
    async def versions(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Mapping[str, int]]:
        return {workspace: {} for workspace in workspaces}


def caller(workspace: WorkspaceId, actor: str) -> Caller:
    return Caller(workspace, Scope.READ, actor, by_session=True)


@pytest.mark.parametrize("change", ["gone", "other role"])
async def test_a_credential_that_changes_wakes_its_streams_and_no_others(change: str) -> None:
    standings, doubts = Standings(), []
    hub = LiveHub(NoVersions(), standings=standings, on_doubt=lambda: doubts.append("forget"))
    told = {"alerts": 0}
    with (
        hub.listening(caller(ACME, "ses_1"), ("alerts",), dict(told)) as one,
        hub.listening(caller(ACME, "ses_1"), ("alerts",), dict(told)) as same,
        hub.listening(caller(ACME, "ses_2"), ("alerts",), dict(told)) as other,
        hub.listening(caller(SHOP, "ses_1"), ("alerts",), dict(told)) as namesake,
    ):
        await hub._read()
        assert standings.asked == [{ACME: {"ses_1", "ses_2"}, SHOP: {"ses_1"}}]
        assert doubts == []
        if change == "gone":
            del standings.found[ACME]["ses_1"]
        else:
            standings.found[ACME]["ses_1"] = "engineer"
        await hub._read()
        assert [stream.news.is_set() for stream in (one, same, other, namesake)] == [True, True, False, False]
        assert doubts == ["forget"]


async def test_a_credential_that_was_gone_before_the_first_look_is_doubted_at_it() -> None:
    standings, doubts = Standings(), []
    hub = LiveHub(NoVersions(), standings=standings, on_doubt=lambda: doubts.append("forget"))
    with hub.listening(caller(ACME, "ses_9"), ("alerts",), {"alerts": 0}) as stream:
        await hub._read()
        assert (stream.news.is_set(), doubts) == (True, ["forget"])
