"""What may be written of a server and the login for it."""

import pytest

from tidegate.egress.logins import Login, problem_with_login

URL = "https://prometheus.example.com/api"


@pytest.mark.parametrize(
    ("wish", "kept", "field"),
    [
        (Login("https://" + "a" * 2_000, "", None), None, "url"),
        (Login(URL + "?token=x", "", None), None, "url"),
        (Login(URL + "#x", "", None), None, "url"),
        (Login("https://elsewhere.example.com", "", None), (URL, ""), "secret"),
        (Login(URL, "bob", None), (URL, "ann"), "secret"),
        (Login(URL, "ann", None), None, "secret"),
        (Login(URL, "an:n", "s"), None, "user"),
        (Login(URL, "", "line\nbreak"), None, "secret"),
        (Login(URL, "", "s" * 101), None, "secret"),
    ],
)
def test_what_is_wrong_is_named(wish: Login, kept: tuple[str, str] | None, field: str) -> None:
    problem = problem_with_login(wish, kept=kept, max_secret=100)
    assert problem is not None
    assert problem.field == field


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        (Login(URL, "", None), None),
        (Login(URL, "", "token"), None),
        (Login(URL, "ann", "password"), ("https://elsewhere.example.com", "bob")),
        (Login(URL + "/", "ann", None), (URL, "ann")),
        (Login("http://[", "", None), None),  # where it leads is not asked here, and nothing breaks
    ],
)
def test_what_is_right_has_no_problem(wish: Login, kept: tuple[str, str] | None) -> None:
    assert problem_with_login(wish, kept=kept, max_secret=100) is None
