"""Finding the documents an answer may cite: a wide search, then a closer look at the order."""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import SpanKind, Tracer

from examples.harbor.service.documents import WORD, Document, Documents

DATA_SOURCE = "documents"
RERANKER = "harbor-overlap-1"
DOCUMENTS_SOUGHT_MAX = 8
DOCUMENTS_FOUND_MAX = 3


@dataclass(frozen=True, slots=True)
class Hit:
    document: Document
    score: float

    def as_tool_result(self) -> dict[str, object]:
        return {"id": self.document.id, "body": self.document.body, "score": round(self.score, 3)}


class Retrieval:
    def __init__(self, tracer: Tracer, documents: Documents) -> None:
        self._tracer = tracer
        self._documents = documents

    def find(self, workspace_id: str, query: str, *, attributes: Mapping[str, str]) -> list[Hit]:
        """Return the best documents of one workspace, best first."""
        return self._rerank(query, self._search(workspace_id, query, attributes), attributes)[:DOCUMENTS_FOUND_MAX]

    def _search(self, workspace_id: str, query: str, attributes: Mapping[str, str]) -> list[Hit]:
        named = {**attributes, "gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": DATA_SOURCE}
        with self._tracer.start_as_current_span(
            f"retrieval {DATA_SOURCE}", kind=SpanKind.INTERNAL, attributes=named
        ) as span:
            found = self._documents.search(workspace_id, query, limit=DOCUMENTS_SOUGHT_MAX)
            span.set_attribute("gen_ai.retrieval.document_count", len(found))
            return [Hit(document, score) for document, score in found]

    def _rerank(self, query: str, hits: list[Hit], attributes: Mapping[str, str]) -> list[Hit]:
        """Put first what says most of the query in the fewest words."""
        named = {**attributes, "openinference.span.kind": "RERANKER", "reranker.model_name": RERANKER}
        with self._tracer.start_as_current_span(
            f"rerank {DATA_SOURCE}", kind=SpanKind.INTERNAL, attributes={**named, "gen_ai.data_source.id": DATA_SOURCE}
        ) as span:
            wanted = set(WORD.findall(query.lower()))
            ranked = sorted(hits, key=lambda hit: (-hit.score, -_density(hit.document, wanted), hit.document.id))
            span.set_attribute("gen_ai.retrieval.document_count", len(ranked))
            return ranked


def _density(document: Document, wanted: set[str]) -> float:
    words = WORD.findall(document.body.lower())
    return sum(word in wanted for word in words) / len(words) if words else 0.0
