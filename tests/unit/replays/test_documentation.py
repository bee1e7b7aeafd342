"""The examples of the how-to pages are what the code reads and runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.replays.recorded import event, rows

from tidegate.replays.formats import FORMATS

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"


def example(page: str, name: str) -> str:
    text = (HOW_TO / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_event_lines_of_the_page_are_events() -> None:
    found = rows("jsonl", example("replay.md", "event lines"))
    assert [event(row).event_name for row in found] == ["usage.recorded", "delivery.attempt", "auth.sign_in"]
    assert event(found[1]).uid == "evt_17"


def test_every_format_stands_on_the_page() -> None:
    text = (HOW_TO / "replay.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE)) == set(FORMATS)


@pytest.mark.parametrize("name", ["python", "instrumentation"])
def test_the_python_examples_name_what_exists(name: str) -> None:
    code = example("send-from-an-sdk.md", name)
    compile(code, name, "exec")
    # What is tried here is that the names exist; the end-to-end tests run services like it.
    imports = "\n".join(line for line in code.splitlines() if line.startswith(("import ", "from ")))
    subprocess.run([sys.executable, "-c", imports], check=True, timeout=60)
