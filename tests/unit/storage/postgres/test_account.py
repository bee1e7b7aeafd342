"""As whom PostgreSQL runs, decided over probes that answer as machines do."""

import pwd

import pytest

from tidegate.storage.postgres import Account, PostgresAccountError, Way, choose_account
from tidegate.storage.processes import Finished, LauncherExit

WORKS = Finished(0, "postgres (PostgreSQL) 18.6")
DENIED = Finished(LauncherExit.NAMESPACE_DENIED, "exec_child: no user namespace: Operation not permitted\n")
CLOSED_FOLDER = Finished(LauncherExit.FOLDER_DENIED, "exec_child: cannot enter /root/data: Permission denied\n")
CLOSED_PROGRAMS = Finished(LauncherExit.COMMAND_DENIED, "exec_child: cannot run /root/bin/postgres: Permission denied")


class Machine:
    def __init__(self, *, namespace: Finished, other_user: Finished = WORKS) -> None:
        self.answers = {Way.USER_NAMESPACE: namespace, Way.OTHER_USER: other_user}
        self.asked: list[Way] = []
        self.opened_for: list[Account] = []

    async def probe(self, account: Account) -> Finished:
        self.asked.append(account.way)
        return self.answers[account.way]

    async def choose(self, *, uid: int) -> Account:
        return await choose_account(self.probe, before_other_user=self.opened_for.append, uid=uid)


async def test_an_ordinary_user_needs_no_way_around() -> None:
    machine = Machine(namespace=DENIED)
    assert (await machine.choose(uid=1000)).way is Way.AS_IS
    assert machine.asked == []


async def test_root_prefers_a_user_namespace_and_keeps_the_files() -> None:
    machine = Machine(namespace=WORKS)
    account = await machine.choose(uid=0)
    assert (account.way, account.uid, account.flags) == (Way.USER_NAMESPACE, 0, ("--unshare",))
    assert machine.opened_for == []


async def test_root_without_namespaces_becomes_nobody_who_may_then_pass_the_data_directory() -> None:
    machine = Machine(namespace=DENIED)
    account = await machine.choose(uid=0)
    nobody = pwd.getpwnam("nobody")
    assert account == Account(Way.OTHER_USER, nobody.pw_uid, nobody.pw_gid)
    assert account.flags == ("--uid", str(nobody.pw_uid), "--gid", str(nobody.pw_gid))
    assert machine.opened_for == [account]


async def test_where_no_other_id_exists_the_refusal_says_so() -> None:
    def nobody_there(_: Account) -> None:
        raise OSError(22, "Invalid argument")

    with pytest.raises(PostgresAccountError, match=r"The user `nobody` did not work \(Invalid argument\)"):
        await choose_account(Machine(namespace=DENIED).probe, before_other_user=nobody_there, uid=0)


@pytest.mark.parametrize(
    ("other_user", "words"),
    [
        pytest.param(CLOSED_FOLDER, "cannot reach the data directory", id="the data directory is out of reach"),
        pytest.param(CLOSED_PROGRAMS, "cannot run the programs", id="the programs are out of reach"),
        pytest.param(Finished(1, "something else"), "did not work (something else)", id="an end nobody foresaw"),
        pytest.param(Finished(-9, ""), "exit code -9", id="an end without words"),
    ],
)
async def test_with_no_way_open_the_refusal_names_each_reason_and_the_way_out(other_user: Finished, words: str) -> None:
    with pytest.raises(PostgresAccountError) as refusal:
        await Machine(namespace=DENIED, other_user=other_user).choose(uid=0)
    assert "A user namespace is denied here (no user namespace: Operation not permitted)." in refusal.value.message
    assert words in refusal.value.message
    assert "TIDEGATE_DATABASE_URL" in refusal.value.message
