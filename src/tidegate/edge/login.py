"""The server and the token of who ran `tidegate login`, in a file that only they can read."""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Login", "LoginUnsafeError", "forget_login", "login_file", "read_login", "write_login"]


class LoginUnsafeError(Exception):
    """Others could read the file."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where to go, and with what."""

    url: str
    token: str = field(repr=False)


def login_file() -> Path:
    """Return where it is kept: `$XDG_CONFIG_HOME/tidegate/login.json`, else below `~/.config`."""
    configured = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else Path.home() / ".config") / "tidegate" / "login.json"


def read_login() -> Login | None:
    """Return what was kept, `None` when there is nothing to be read.

    Raises:
        LoginUnsafeError: others than its owner may read it.
    """
    path = login_file()
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise LoginUnsafeError(f"Others can read {path}. Run `chmod 600 {path}`, or `tidegate login` again.")
            kept = json.load(file)
        return Login(str(kept["url"]), str(kept["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_login(login: Login) -> Path:
    """Keep it in the place of what was kept before, never readable by others, not even for a moment."""
    path = login_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"url": login.url, "token": login.token}, file)
    draft.replace(path)
    return path


def forget_login() -> bool:
    """Forget it; false when there was nothing."""
    try:
        login_file().unlink()
    except FileNotFoundError:
        return False
    return True
