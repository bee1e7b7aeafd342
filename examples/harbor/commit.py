"""The commit that a release of harbor is built from."""

import hashlib
import subprocess
from pathlib import Path

from examples.harbor.places import REPOSITORY


def find_commit() -> str:
    """Return the commit of the checkout, or the digest of harbor's source files where there is none."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],  # noqa: S607  git is wherever the shell finds it
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return digest_of_sources(Path(__file__).parent)
    return answer.stdout.strip()


def digest_of_sources(directory: Path) -> str:
    """Return 40 hexadecimal digits that change with any Python file below `directory`."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.py")):
        digest.update(f"{path.relative_to(directory)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:40]
