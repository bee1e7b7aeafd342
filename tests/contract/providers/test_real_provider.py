"""Signing in by a real provider of identities that runs locally."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from tests.api.identity.people import Installation
from tests.contract.providers.made_up import SECRET, MadeUpProvider, Worlds

from tidegate.edge.caller import SESSION_COOKIE, Role
from tidegate.identity import IdentityService
from tidegate.identity.members import MemberService
from tidegate.identity.providers import ProviderService
from tidegate.kernel import WorkspaceId

WORKSPACE = WorkspaceId("by-a-real-provider")


@dataclass
class RealProvider:
    url: str
    process: "subprocess.Popen[str]"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def sign_in(self, name: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        assert self._answer() == "signed in"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    script = Path(__file__).with_name("real_provider.py")
    redirect_uri = f"http://tidegate.test/sign-in/callback/{WORKSPACE}"
    log = tmp_path_factory.mktemp("provider") / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(script), redirect_uri, SECRET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url, log.read_text()
    yield RealProvider(url, process)
    process.kill()
    process.communicate()


@pytest.fixture
async def worlds(installation: Installation, real: RealProvider) -> Worlds:
    installation.clock.advance(datetime.now(UTC) - installation.clock.now())  # its tokens are of today
    await installation.owner.execute(
        "INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now()) ON CONFLICT DO NOTHING", WORKSPACE
    )
    fake = MadeUpProvider()
    fake.url = real.url
    return Worlds(installation, WORKSPACE, fake)


async def there_and_back(worlds: Worlds) -> httpx.Response:
    """Go to the provider, where somebody is signed in, and come back with what it sends."""
    browser = worlds.browser()
    async with httpx.AsyncClient() as outside:
        sent = await outside.get(await worlds.begin(browser))
    assert sent.status_code == 302, sent.text
    back = urlsplit(sent.headers["location"])
    assert back.path == f"/sign-in/callback/{WORKSPACE}"
    return await worlds.come_back(browser, dict(parse_qsl(back.query)))


async def test_the_real_provider_answers_what_is_tried(worlds: Worlds) -> None:
    await worlds.set_provider()
    trial = await worlds.installation.get(ProviderService).try_provider(WORKSPACE)
    assert trial.key_count == 1
    assert trial.metadata.names_itself


async def test_who_it_has_not_verified_is_not_let_in(worlds: Worlds, real: RealProvider) -> None:
    await worlds.set_provider()
    real.sign_in("unverified")
    assert await worlds.refusal(await there_and_back(worlds)) == "email-unverified"


async def test_a_person_of_the_real_provider_signs_in_with_the_role_of_a_group(
    worlds: Worlds, real: RealProvider
) -> None:
    await worlds.set_provider(group_roles={"operators": Role.RELEASE_MANAGER}, default_role=Role.VIEWER)
    real.sign_in("verified")
    members = set()
    for _ in range(2):
        answer = await there_and_back(worlds)
        assert answer.status_code == 303, answer.text
        caller = await worlds.installation.get(IdentityService).caller_of_session(answer.cookies[SESSION_COOKIE])
        assert caller.role is Role.RELEASE_MANAGER
        members.add(caller.member)
    (member,) = members
    found = await worlds.installation.get(MemberService).get_member(WORKSPACE, member or "")
    assert found.name == "Ann verified"


async def test_a_wrong_client_secret_signs_nobody_in(worlds: Worlds, real: RealProvider) -> None:
    await worlds.set_provider(client_secret="another")
    real.sign_in("verified")
    assert await worlds.refusal(await there_and_back(worlds)) == "code-refused"
