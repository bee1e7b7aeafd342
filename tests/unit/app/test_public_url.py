"""The address by which people reach the pages."""

import pytest

from tidegate.app.settings import PublicUrlInvalidError, public_url


@pytest.mark.parametrize(
    ("given", "found"),
    [("", None), ("https://tidegate.example.com/", "https://tidegate.example.com"), ("http://x:8420", "http://x:8420")],
)
def test_an_address_of_pages_is_taken_without_its_last_slash(
    monkeypatch: pytest.MonkeyPatch, given: str, found: str | None
) -> None:
    monkeypatch.setenv("TIDEGATE_PUBLIC_URL", given)
    assert public_url() == found


@pytest.mark.parametrize(
    "given",
    [
        "tidegate.example.com",
        "ftp://x",
        "https://",
        "https://x:99999",
        "https://x/path",
        "https://x?q",
        "https://u@x",
        "https://x#f",
    ],
)
def test_what_is_no_address_of_pages_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("TIDEGATE_PUBLIC_URL", given)
    with pytest.raises(PublicUrlInvalidError) as refused:
        public_url()
    assert refused.value.field == "TIDEGATE_PUBLIC_URL"
