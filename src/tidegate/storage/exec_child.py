"""Starts one child that cannot outlive its parent: set the process up, then become the command.

Run as a script, never imported: `python -I -S exec_child.py --parent PID [options] -- command…`.
It imports nothing of ours, so that it starts in some 20 ms and needs no site-packages. It exists
because `preexec_fn` runs Python between fork and exec, which is unsafe once a thread lives.

The order matters: the log is opened with the parent's rights, then the identity changes, and only then
is the death signal set, because the kernel clears it when credentials change (prctl(2)).
"""

import argparse
import ctypes
import os
import signal
import sys

# What went wrong, for the parent: `tidegate.storage.processes.LauncherExit` repeats these numbers.
NAMESPACE_DENIED = 121
USER_DENIED = 122
FOLDER_DENIED = 123
PARENT_GONE = 124
COMMAND_DENIED = 126

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_INSIDE_ID = 65534  # any id but 0 will do: PostgreSQL asks only whether it is root


def main() -> None:
    """Read the options, set the process up, and become the command."""
    options = _parse(sys.argv[1:])
    os.setsid()  # a terminal's Ctrl-C goes to its foreground group: only the parent shall hear it
    os.umask(0o077)
    _redirect(options.log)
    libc = ctypes.CDLL(None, use_errno=True)
    if options.unshare:
        _enter_user_namespace(libc)
    if options.uid is not None:
        _become(options.uid, options.gid if options.gid is not None else options.uid)
    _call(libc, "prctl", _PR_SET_PDEATHSIG, int(signal.Signals[options.death_signal]), 0, 0, 0)
    if os.getppid() != options.parent:
        _give_up(PARENT_GONE, "the parent ended before its child began")
    if options.chdir:
        try:
            os.chdir(options.chdir)
        except OSError as error:
            _give_up(FOLDER_DENIED, f"cannot enter {options.chdir}: {error.strerror}")
    try:
        os.execv(options.command[0], options.command)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        _give_up(COMMAND_DENIED, f"cannot run {options.command[0]}: {error.strerror}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exec_child", allow_abbrev=False)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", default="SIGKILL", choices=[each.name for each in signal.Signals])
    parser.add_argument("--unshare", action="store_true")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--log")
    parser.add_argument("--chdir")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _redirect(log: str | None) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    if log is None:
        return  # the parent chose all three streams
    os.dup2(nothing, 0)
    # Appending, so that the file may be truncated from outside while the child writes.
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    uid, gid = os.geteuid(), os.getegid()
    try:
        _call(libc, "unshare", _CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{_INSIDE_ID} {uid} 1"),
            ("gid_map", f"{_INSIDE_ID} {gid} 1"),
        ):
            file = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(file, text.encode())
            os.close(file)
    except OSError as error:
        _give_up(NAMESPACE_DENIED, f"no user namespace: {error.strerror}")


def _become(uid: int, gid: int) -> None:
    try:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        _give_up(USER_DENIED, f"cannot become user {uid}: {error.strerror}")


def _call(libc: ctypes.CDLL, name: str, *arguments: int) -> None:
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _give_up(code: int, sentence: str) -> None:
    os.write(2, f"exec_child: {sentence}\n".encode())
    os._exit(code)


if __name__ == "__main__":
    main()
