"""What a runbook is. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Runbook:
    """A page for somebody who has to act: what it means, where to look, how to stop it, whom to tell."""

    slug: str
    """The code of the rule that it belongs to; its address is `/runbooks/{slug}`."""
    title: str
    """The first heading of the page."""
    markdown: str

    @property
    def link(self) -> str:
        return f"/runbooks/{self.slug}"
