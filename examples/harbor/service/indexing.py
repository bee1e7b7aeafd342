"""The job that follows a document: its words are put into the index, and the tenant's own system is told."""

from examples.harbor.service.connectors import Connectors, Endpoint
from examples.harbor.service.documents import Documents
from examples.harbor.service.jobs import Task


class Indexing:
    def __init__(self, documents: Documents, connectors: Connectors) -> None:
        self._documents = documents
        self._connectors = connectors

    async def work(self, task: Task) -> str:
        """Index the document and tell; one that was deleted meanwhile needs neither."""
        document = self._documents.find_document(task.workspace_id, task.subject)
        if document is None:
            return "gone"
        words = self._documents.index(document)
        told = {"type": "document.indexed", "id": document.id, "words": words}
        self._connectors.deliver(
            Endpoint.CRM, f"{document.id}:{document.updated_at.timestamp()}", told, task.attributes
        )
        return "told"
