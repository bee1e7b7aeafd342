"""The pieces for pipelines, run as a pipeline runs them, against a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "integrations" / "github-action" / "action.yml"
GITLAB = ROOT / "integrations" / "gitlab" / "tidegate.gitlab-ci.yml"
WORKSPACE = "pipelines"
COMMIT = "4f1c2ab"
PASSED = '<testsuite><testcase name="a"/></testsuite>'
FAILED = (
    '<testsuite><testcase name="::error::a" file="tests/a.py" line="3"><failure message="boom"/></testcase></testsuite>'
)
GATE = """
apiVersion: tidegate/v1
kind: Gate
id: merge
title: Merge
owner: backend
checks:
  - {id: unit, title: Unit tests, kind: regression, owner: backend, source: ci, service: shop, suite: unit}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def token(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = server.cli("workspace", "create", WORKSPACE)
    assert made.returncode == 0, made.stderr
    token = server.token("admin", WORKSPACE)
    gate = tmp_path_factory.mktemp("gate") / "merge.yaml"
    gate.write_text(GATE)
    applied = server.cli("gate", "apply", str(gate), token=token)
    assert applied.returncode == 0, applied.stderr
    release(server, token, "r1", COMMIT)
    return token


def release(server: Server, token: str, name: str, commit: str) -> None:
    body = json.dumps({"name": name, "services": [{"service": "shop", "version": "1", "commit": commit}]}).encode()
    status, answer = server.call("POST", "/api/v1/releases", token=token, body=body,
                                 headers={"content-type": "application/json"})  # fmt: skip
    assert status == 201, answer


@pytest.fixture
def run(server: Server, token: str, tmp_path: Path) -> Run:
    """Run a script as a job of a pipeline does: in its checkout, with its variables, `tidegate` on its path."""
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "tidegate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tidegate "$@"\n')
    command.chmod(0o755)
    checkout = tmp_path / "checkout"
    checkout.mkdir()

    def run(shell: list[str], script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT / "src")),
            "HOME": str(tmp_path),
            "TIDEGATE_URL": server.url,
            "TIDEGATE_TOKEN": token,
        }
        return subprocess.run([*shell, script], env=environment | variables, cwd=checkout, capture_output=True,
                              text=True, timeout=120, check=False)  # fmt: skip

    return run


def report_file(tmp_path: Path, text: str, name: str = "junit.xml") -> None:
    (tmp_path / "checkout" / name).write_text(text)


def action_step() -> dict[str, Any]:
    action = yaml.safe_load(ACTION.read_text())
    assert action["runs"]["using"] == "composite"
    (step,) = action["runs"]["steps"]
    assert isinstance(step, dict)
    return step


def run_action(run: Run, tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    step = action_step()
    given = {"FILES": "*.xml", "SUITE": "unit", "COMMIT": COMMIT, "SERVICE": "shop", "REPOSITORY": "acme/shop",
             "RUN_ID": "", "GATE": "", "RELEASE": "r1", "WAIT": "false", "TIMEOUT": "1s"} | inputs  # fmt: skip
    assert {f"IN_{name}" for name in given} == {name for name in step["env"] if name.startswith("IN_")}
    return run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"],
        step["run"],
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(tmp_path / "checkout"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        **{f"IN_{name}": value for name, value in given.items()},
    )


def test_no_input_of_the_action_is_pasted_into_its_script() -> None:
    step = action_step()
    assert "${{" not in step["run"]
    assert set(yaml.safe_load(ACTION.read_text())["inputs"]) == {
        expression.removeprefix("${{ inputs.").removesuffix(" }}") for expression in step["env"].values()
    }


def test_the_action_reports_and_ends_as_its_gate_does(run: Run, tmp_path: Path) -> None:
    report_file(tmp_path, FAILED)
    ended = run_action(run, tmp_path, GATE="merge")
    assert ended.returncode == 3, ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line.startswith("::")]
    assert errors[0] == "::error file=tests/a.py,line=3,title=unit%3A %3A%3Aerror%3A%3Aa::boom"
    assert errors[1].startswith("::error title=NO-GO%3A gate merge::")
    assert not any(line.strip().startswith("::") for line in ended.stdout.splitlines())
    assert "**NO-GO** gate `merge`" in (tmp_path / "summary.md").read_text()
    report_file(tmp_path, PASSED)
    ended = run_action(run, tmp_path, GATE="merge")
    assert (ended.returncode, ended.stdout.splitlines()[-1][:9]) == (0, "GO  merge")


def test_the_action_fails_when_there_is_nothing_to_report(run: Run, tmp_path: Path) -> None:
    ended = run_action(run, tmp_path, FILES="build/**/*.xml\n")
    assert (ended.returncode, ended.stdout.startswith("::error")) == (2, True)


def test_what_an_input_says_is_never_run(run: Run, tmp_path: Path) -> None:
    report_file(tmp_path, PASSED)
    evil = f"$(touch {tmp_path}/owned)`touch {tmp_path}/owned`"
    assert run_action(run, tmp_path, SUITE=evil).returncode == 2
    assert run_action(run, tmp_path, FILES=evil).returncode == 2
    assert not (tmp_path / "owned").exists()


def test_files_of_one_run_count_together(run: Run, tmp_path: Path) -> None:
    report_file(tmp_path, FAILED, "a b.xml")
    report_file(tmp_path, PASSED, "z.xml")
    ended = run_action(run, tmp_path, SUITE="java")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0].endswith("2 cases, 1 passed, 1 failed, 0 skipped.")


def test_a_gate_that_judged_a_release_of_another_commit_holds(
    run: Run, server: Server, token: str, tmp_path: Path
) -> None:
    release(server, token, "r2", "0ther00")
    report_file(tmp_path, PASSED)
    ended = run_action(run, tmp_path, GATE="merge", RELEASE="r2", WAIT="true")
    assert ended.returncode == 8
    assert "does not hold the commit 4f1c2ab" in ended.stdout


def test_gitlabs_job_reports_and_ends_as_its_gate_does(run: Run, tmp_path: Path) -> None:
    ((name, job),) = yaml.safe_load(GITLAB.read_text()).items()
    (script,) = job["script"]
    assert (name, job["artifacts"]["reports"]) == (".tidegate-report", {"codequality": "gl-code-quality.json"})
    report_file(tmp_path, FAILED, "TEST-a.xml")
    variables = job["variables"] | {
        "GITLAB_CI": "true", "CI_COMMIT_SHA": COMMIT, "CI_PROJECT_PATH": "acme/shop", "CI_JOB_ID": "77",
        "CI_PROJECT_DIR": str(tmp_path / "checkout"), "TIDEGATE_FILES": "TEST-*.xml nothing-*.xml",
        "TIDEGATE_SERVICE": "shop", "TIDEGATE_GATE": "merge", "TIDEGATE_RELEASE": "r1",
    }  # fmt: skip
    ended = run(["sh", "-c"], script, **variables)
    assert ended.returncode == 3, ended.stderr
    assert not any(line.startswith("::") for line in (ended.stdout + ended.stderr).splitlines())
    found = json.loads((tmp_path / "checkout" / "gl-code-quality.json").read_text())
    assert [one["location"]["path"] for one in found] == ["tests/a.py"]
    assert run(["sh", "-c"], script, **(variables | {"TIDEGATE_FILES": "none.xml"})).returncode == 2


def test_a_file_of_500_mb_is_refused_before_it_is_read(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "checkout" / "huge.xml").open("wb") as file:
        file.truncate(500 * 1024 * 1024)
    ended = run(["sh", "-c"], f"tidegate ci report huge.xml --suite unit --commit {COMMIT}")
    assert (ended.returncode, "more than is read" in ended.stderr) == (2, True)
