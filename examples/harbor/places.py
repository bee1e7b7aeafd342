"""Where harbor's driver and verbs keep their things, and the ports they prefer."""

from pathlib import Path

LOOPBACK = "127.0.0.1"
TIDEGATE_PORT = 8420
HARBOR_PORT = 8430
REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_DATA_DIR = REPOSITORY / ".tidegate"


def harbor_dir(data_dir: Path) -> Path:
    return data_dir / "harbor"


def fault_file(data_dir: Path) -> Path:
    return harbor_dir(data_dir) / "faults.json"
