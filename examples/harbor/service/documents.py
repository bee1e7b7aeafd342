"""Documents of the workspaces, and the search over them. In memory; a store never looks outside the workspace asked."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from examples.harbor.service.sessions import utc_now

# A demo that runs for days must not grow without end; the traffic deletes what it makes.
DOCUMENTS_PER_WORKSPACE_MAX = 500

WORD = re.compile(r"[a-z0-9]{3,}")


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    workspace_id: str
    title: str
    body: str
    updated_by: str
    updated_at: datetime


class WorkspaceFullError(Exception):
    """The workspace holds as many documents as it may."""


class Documents:
    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._by_workspace: dict[str, dict[str, Document]] = {}
        self._words: dict[str, tuple[Document, frozenset[str]]] = {}
        for workspace_id, title, body in SEEDS:
            number = len(self._by_workspace.get(workspace_id, {})) + 1
            self._put(Document(f"doc_{workspace_id}_{number:03d}", workspace_id, title, body, "harbor", now()))

    def list_documents(self, workspace_id: str) -> list[Document]:
        return sorted(self._by_workspace.get(workspace_id, {}).values(), key=lambda document: document.id)

    def find_document(self, workspace_id: str, document_id: str) -> Document | None:
        return self._by_workspace.get(workspace_id, {}).get(document_id)

    def add_document(self, workspace_id: str, *, title: str, body: str, author: str) -> Document:
        """Raises:
        WorkspaceFullError: nothing was stored.
        """
        if len(self._by_workspace.get(workspace_id, {})) >= DOCUMENTS_PER_WORKSPACE_MAX:
            raise WorkspaceFullError(workspace_id)
        return self._put(
            Document(f"doc_{secrets.token_hex(8)}", workspace_id, title, body, author, self._now()),
        )

    def change_document(self, document: Document, *, title: str | None, body: str | None, author: str) -> Document:
        """Replace what is given, keep what is `None`."""
        return self._put(
            replace(
                document,
                title=document.title if title is None else title,
                body=document.body if body is None else body,
                updated_by=author,
                updated_at=self._now(),
            )
        )

    def delete_document(self, document: Document) -> None:
        self._by_workspace[document.workspace_id].pop(document.id, None)
        self._words.pop(document.id, None)

    def index(self, document: Document) -> int:
        """Keep the words of the document for the search, and return how many they are."""
        words = _words_of(document)
        if self.find_document(document.workspace_id, document.id) is document:
            self._words[document.id] = (document, words)
        return len(words)

    def search(self, workspace_id: str, query: str, *, limit: int) -> list[tuple[Document, float]]:
        """Return the best documents with their scores: the share of the query's words found, best first."""
        wanted = set(WORD.findall(query.lower()))
        if not wanted:
            return []
        scored = [
            (document, len(wanted & self._indexed(document)) / len(wanted))
            for document in self.list_documents(workspace_id)
        ]
        hits = [pair for pair in scored if pair[1] > 0]
        return sorted(hits, key=lambda pair: (-pair[1], pair[0].id))[:limit]

    def _indexed(self, document: Document) -> frozenset[str]:
        # One that was changed a moment ago and waits for its job is read as it is.
        kept = self._words.get(document.id)
        return kept[1] if kept is not None and kept[0] is document else _words_of(document)

    def _put(self, document: Document) -> Document:
        self._by_workspace.setdefault(document.workspace_id, {})[document.id] = document
        return document


def _words_of(document: Document) -> frozenset[str]:
    return frozenset(WORD.findall(f"{document.title} {document.body}".lower()))


SEEDS: tuple[tuple[str, str, str], ...] = (
    ("acme", "Travel policy", "Flights under six hours are booked in economy. Hotels may cost up to 180 EUR a night."),
    (
        "acme",
        "Launch checklist",
        "The launch needs a signed rollback plan. Support is told two days before the launch.",
    ),
    (
        "acme",
        "Security contact",
        "Report a lost laptop to the security desk within one hour. The desk answers by phone.",
    ),
    ("acme-legal", "Supplier contract", "The supplier contract with Orinoco ends in March. Notice is due in January."),
    ("globex", "Vacation rules", "Vacation is asked for two weeks ahead. Ten days may move into the next year."),
    ("globex", "Warehouse hours", "The warehouse opens at six. Deliveries after four wait until the next morning."),
    ("globex", "Invoice approval", "Invoices above 5000 EUR need two approvals. Finance pays on Thursdays."),
    ("initech", "Report covers", "Every report carries the new cover sheet. The cover sheet lists owner and date."),
    ("initech", "Printer guide", "The printer on floor two jams on thick paper. Load letter size paper in tray one."),
    ("initech", "Onboarding", "New colleagues get a laptop on day one. Accounts are made by the service desk."),
)
