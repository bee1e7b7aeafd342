"""Sessions end, documents stay in their workspace."""

from datetime import timedelta

import pytest
from examples.harbor.service.documents import DOCUMENTS_PER_WORKSPACE_MAX, Documents, WorkspaceFullError
from examples.harbor.service.people import Person
from examples.harbor.service.sessions import EXPIRED_KEPT, Sessions

from tidegate.testing import FakeClock

VERA = Person("vera@acme.example", "Vera", "acme")


def test_a_session_ends_with_its_time_and_is_still_known_as_expired() -> None:
    clock = FakeClock()
    sessions = Sessions(now=clock.now)
    token, session = sessions.open_session(VERA, timedelta(seconds=1))
    assert not sessions.has_expired(session)

    clock.advance(timedelta(seconds=1))

    assert sessions.find_session(token) is session
    assert sessions.has_expired(session)


def test_long_expired_sessions_are_forgotten() -> None:
    clock = FakeClock()
    sessions = Sessions(now=clock.now)
    token, _ = sessions.open_session(VERA, timedelta(seconds=1))
    clock.advance(EXPIRED_KEPT + timedelta(seconds=2))

    sessions.open_session(VERA, timedelta(seconds=1))

    assert sessions.find_session(token) is None


def test_a_closed_session_opens_nothing() -> None:
    sessions = Sessions()
    token, session = sessions.open_session(VERA, timedelta(hours=1))
    sessions.close_session(token)

    assert sessions.find_session(token) is None
    assert session.id_hash not in token


def test_a_document_is_found_in_its_own_workspace_only() -> None:
    documents = Documents()

    assert documents.find_document("acme", "doc_acme_001") is not None
    assert documents.find_document("globex", "doc_acme_001") is None


def test_a_search_stays_in_the_workspace_and_puts_the_best_first() -> None:
    hits = Documents().search("globex", "warehouse deliveries invoices hotel", limit=3)

    assert [(hit.id, score) for hit, score in hits] == [("doc_globex_002", 0.5), ("doc_globex_003", 0.25)]


def test_a_full_workspace_takes_no_more() -> None:
    documents = Documents()
    room = DOCUMENTS_PER_WORKSPACE_MAX - len(documents.list_documents("acme"))
    for number in range(room):
        documents.add_document("acme", title=str(number), body="", author="vera")

    with pytest.raises(WorkspaceFullError):
        documents.add_document("acme", title="one more", body="", author="vera")
    assert len(documents.list_documents("acme")) == DOCUMENTS_PER_WORKSPACE_MAX
