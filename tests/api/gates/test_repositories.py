"""Forks share commits: where a release says its repository, what names another one never counts for it."""

from typing import Any

from tests.api.gates.conftest import Api

COMMIT = "4f1c2ab"
GREEN = '<testsuite><testcase name="a"/></testsuite>'
GATE = """
apiVersion: tidegate/v1
kind: Gate
id: merge
title: Merge
owner: backend
checks:
  - {id: unit, title: Unit tests, kind: regression, owner: backend, source: ci, suite: unit}
"""


async def release(api: Api, name: str, **more: str) -> Any:
    service = {"service": "harbor", "version": "7", "commit": COMMIT, **more}
    return await api.post("/api/v1/releases", {"name": name, "services": [service]})


async def outcome(api: Api, **about: str) -> tuple[str, str]:
    body = (await api.get("/release/dashboard", gate="merge", **about)).json()
    return body["checks"][0]["outcome"], body["checks"][0]["reason"]


async def test_a_green_run_of_another_repository_holds_where_the_release_says_its_own(api: Api) -> None:
    await api.post_yaml("/api/v1/gates", GATE)
    assert (await release(api, "own", repository="acme/harbor")).json()["services"][0]["repository"] == "acme/harbor"
    assert (await release(api, "silent")).json()["services"][0]["repository"] is None
    await api.post_report(GREEN, suite="unit", commit=COMMIT, repository="mallory/harbor")
    held, reason = await outcome(api, release="own")
    assert held == "inconclusive"
    assert "is of the repository mallory/harbor, and the release is of acme/harbor." in reason
    assert (await outcome(api, release="silent"))[0] == "passed"
    await api.post_report(GREEN + " ", suite="unit", commit=COMMIT, repository="acme/harbor")
    assert (await outcome(api, release="own"))[0] == "passed"


async def test_a_release_is_not_created_again_with_another_repository(api: Api) -> None:
    assert (await release(api, "own", repository="acme/harbor")).status_code == 201
    assert (await release(api, "own", repository="acme/harbor")).status_code == 200
    assert (await release(api, "own", repository="mallory/harbor")).status_code == 409
    assert (await release(api, "own")).status_code == 409
    assert (await release(api, "new", repository="two words")).status_code == 422
