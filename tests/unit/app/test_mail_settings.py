import pytest

from tidegate.app.mail_settings import SmtpUrlInvalidError, installation_mail
from tidegate.deliveries.model import MailServer, Security
from tidegate.egress import parse_allowances
from tidegate.egress.allowances import NOTHING


@pytest.mark.parametrize(
    ("url", "server", "password"),
    [
        ("smtps://u:p%40@mail.example.com?from=tg@example.com",
         MailServer("mail.example.com", 465, Security.TLS, "u"), "p@"),
        ("smtp://mail.example.com:2525?from=tg@example.com",
         MailServer("mail.example.com", 2525, Security.STARTTLS, ""), ""),
        ("smtp+plain://127.0.0.1?from=tg@example.com", MailServer("127.0.0.1", 25, Security.NONE, ""), ""),
        ("smtp+plain://[::1]:25?from=tg@example.com", MailServer("::1", 25, Security.NONE, ""), ""),
    ],
)  # fmt: skip
def test_the_mail_server_of_the_installation_is_what_the_operator_wrote(
    monkeypatch: pytest.MonkeyPatch, url: str, server: MailServer, password: str
) -> None:
    monkeypatch.setenv("TIDEGATE_SMTP_URL", url)
    found = installation_mail(NOTHING)
    assert found is not None
    assert (found.server, found.sender, found.password) == (server, "tg@example.com", password)


def test_without_the_setting_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEGATE_SMTP_URL", raising=False)
    assert installation_mail(parse_allowances("a.example:25")) is None


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "https://mail.example.com?from=tg@example.com",
        "smtp://mail.example.com",
        "smtp://mail.example.com?from=nobody",
        "smtp://:587?from=tg@example.com",
        "smtp://mail.example.com:x?from=tg@example.com",
        "smtp+plain://u:secretword@mail.example.com?from=tg@example.com",
    ],
)
def test_what_is_no_mail_server_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TIDEGATE_SMTP_URL", url)
    with pytest.raises(SmtpUrlInvalidError) as refused:
        installation_mail(NOTHING)
    assert "secretword" not in refused.value.message
