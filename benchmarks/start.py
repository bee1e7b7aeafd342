"""Claim: warm, the first page stands within 5 s of `tidegate serve`; `make run` shows its board within 30 s, warm 15 s.

From starting the process to `/readyz` answering 200, and to the board's HTML for somebody signed in: the first time on
an empty directory with the link that the banner prints, later with the session that is still good.
"""

import argparse
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.e2e.server import Server, free_port, wait_until

from benchmarks.harness import ROOT, Figure, Report, Watch, at_most, fresh_folder

_WITHIN_S = 180.0


class Start(NamedTuple):
    """One start of `tidegate serve`, in seconds."""

    ready_s: float
    board_s: float
    cpu_s: float
    """Processor seconds of all its processes until they had ended again."""


class Browser:
    """Keeps the session's cookie, as a browser does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def sign_in(self, link: str) -> None:
        secret = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["link"][0]
        body = urllib.parse.urlencode({"link": secret}).encode()
        request = urllib.request.Request(f"{self._url}/sign-in", body, {"Origin": self._url})
        with self._opener.open(request, timeout=30) as answer:
            assert answer.status == 200, answer.status

    def open_board(self) -> None:
        with self._opener.open(f"{self._url}/", timeout=30) as answer:
            page = answer.read()
        assert b"</html>" in page, page[:200]
        assert answer.url == f"{self._url}/", f"led to {answer.url}: not signed in"


def start_once(server: Server, browser: Browser, *, is_first: bool) -> tuple[float, float]:
    """Return the seconds to ready and to the board."""
    began = time.monotonic()
    server.start()
    ready_s = time.monotonic() - began
    if is_first:
        link = wait_until(
            lambda: re.search(r"sign in\s+(\S+)", server.log), within_s=_WITHIN_S, what="a link in the banner"
        )
        browser.sign_in(link.group(1))
    browser.open_board()
    return ready_s, time.monotonic() - began


def measure_serve(rounds: int) -> tuple[list[Start], list[Start]]:
    """Return what first and warm starts took, `rounds` of each."""
    first: list[Start] = []
    warm: list[Start] = []
    for _ in range(rounds):
        with fresh_folder() as folder:
            server = Server(folder)
            browser = Browser(server.url)
            for times, is_first in ((first, True), (warm, False)):
                watch = Watch()
                ready_s, board_s = start_once(server, browser, is_first=is_first)
                server.stop()  # the processes count once they have ended
                times.append(Start(ready_s, board_s, watch.stop().own_cpu_s))
    return first, warm


def measure_run(data_dir: Path) -> float:
    """Return the seconds from `make run`'s command to the board on its output."""
    command = [sys.executable, "-u", "-m", "examples.harbor.run", "--data-dir", str(data_dir)]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", str(free_port()), "--harbor-port", str(free_port())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    overdue = threading.Timer(_WITHIN_S, process.kill)
    overdue.start()
    seen: list[str] = []
    board_s: float | None = None
    for line in process.stdout:
        seen.append(line)
        if line.startswith("Board"):
            board_s = time.monotonic() - began
            process.send_signal(signal.SIGINT)
    process.wait()
    overdue.cancel()
    assert board_s is not None, "".join(seen)
    return board_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="first and warm starts of `tidegate serve`, each")
    parser.add_argument("--no-harbor", action="store_true", help="leave `make run` out")
    options = parser.parse_args()
    watch = Watch()
    first, warm = measure_serve(options.rounds)
    figures = [
        Figure("serve, first start to ready (median)", f"{median(one.ready_s for one in first):.2f} s"),
        Figure("serve, first start to board (median)", f"{median(one.board_s for one in first):.2f} s"),
        Figure("serve, warm start to ready (median)", f"{median(one.ready_s for one in warm):.2f} s"),
        at_most("serve, warm start to board (median)", median(one.board_s for one in warm), 5, unit="s"),
        Figure("serve, warm start to board (worst)", f"{max(one.board_s for one in warm):.2f} s"),
        Figure("CPU of a first / warm start and its stop (median)",
               f"{median(one.cpu_s for one in first):.2f} / {median(one.cpu_s for one in warm):.2f} s"),
    ]  # fmt: skip
    if not options.no_harbor:
        with fresh_folder() as folder:
            figures.append(at_most("make run, first, to board", measure_run(folder / "run"), 30, unit="s"))
            figures.append(at_most("make run, warm, to board", measure_run(folder / "run"), 15, unit="s"))
    watch.stop()
    # The servers were children of this script and have ended: what they took counts as its own, not as others'.
    Report("start", figures, watch.others_cores, {"firstS": first, "warmS": warm}).show()


if __name__ == "__main__":
    main()
