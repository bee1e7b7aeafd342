"""Runbooks on the wire."""

from typing import Self

from tidegate.edge.wire import WireModel
from tidegate.runbooks.model import Runbook


class RunbookSummaryOut(WireModel):
    slug: str
    title: str
    link: str

    @classmethod
    def of(cls, runbook: Runbook) -> Self:
        return cls(slug=runbook.slug, title=runbook.title, link=runbook.link)


class RunbookOut(WireModel):
    slug: str
    title: str
    link: str
    markdown: str

    @classmethod
    def of(cls, runbook: Runbook) -> Self:
        return cls(slug=runbook.slug, title=runbook.title, link=runbook.link, markdown=runbook.markdown)


class RunbooksOut(WireModel):
    items: tuple[RunbookSummaryOut, ...]
