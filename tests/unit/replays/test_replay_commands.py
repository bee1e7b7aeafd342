"""`tidegate replay` on files that are not what they are said to be."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.replays.recorded import reasons

from tidegate.replays.commands import replay
from tidegate.replays.model import UnreadableFileError


@pytest.mark.parametrize("text", ["# TYPE a gauge\na 1\n# EOF\n", ""], ids=["another format", "empty"])
def test_a_recording_without_a_row_of_its_format_is_wrong_use(tmp_path: Path, text: str) -> None:
    path = tmp_path / "om.txt"
    path.write_text(text)
    done = CliRunner().invoke(replay, [str(path), "--format", "otlp-json", "--dry-run"])
    assert done.exit_code == 2
    assert "holds no row that is otlp-json" in done.stderr


def test_columns_that_are_all_lacking_are_named_once() -> None:
    with pytest.raises(UnreadableFileError) as raised:
        reasons("azure-llm", "a,b\n")
    assert str(raised.value) == "the first line names no TIMESTAMP, ContextTokens, GeneratedTokens"
