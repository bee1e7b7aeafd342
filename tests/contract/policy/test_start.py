"""A process whose policies are not valid serves nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
FILES = "tidegate/identity/policy"


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        pytest.param("floor.cedar", "principal.workspace !=", "principal.workspac !=", id="a wrong name"),
        pytest.param("roles.cedar", '@id("viewer-no-more")', '@id("viewer")', id="an id twice", marks=pytest.mark.long),
        pytest.param(
            "tidegate.cedarschema", "role: Role,", "roles: Role,", id="another schema", marks=pytest.mark.long
        ),
    ],
)
@pytest.mark.parametrize("roles", [["pages", "ingest"], ["ingest"]], ids=["the edge", "an edge for telemetry"])
def test_a_start_with_a_broken_policy_file_is_refused(
    tmp_path: Path, file: str, right: str, wrong: str, roles: list[str]
) -> None:
    copied = shutil.copytree(SOURCE, tmp_path / "src")
    broken = copied / FILES / file
    text = broken.read_text(encoding="utf-8")
    assert right in text
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    told = {
        "dataDir": str(tmp_path), "databaseDsn": "postgresql://nobody@127.0.0.1:9/none", "telemetrySecret": None,
        "telemetryUrl": "http://127.0.0.1:9", "publicUrl": "http://127.0.0.1:9", "httpFd": None, "roles": roles,
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "tidegate.app.edge_main"],
        env={**os.environ, "PYTHONPATH": str(copied), "TIDEGATE_CHILD": json.dumps(told)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "PoliciesInvalidError" in ran.stderr.splitlines()[-1]
