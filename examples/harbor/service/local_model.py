"""A deterministic local model: it plans a search, answers from what was found, and refuses some subjects.

Same messages, same reply. Tokens are counted from the text; prices come from the table below.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

PROVIDER = "harbor-local"

TOKEN = re.compile(r"\w+|[^\w\s]")
WORD = re.compile(r"[a-z0-9]{3,}")
SENTENCE = re.compile(r"[^.!?]+[.!?]?")

# Words that ask and carry no subject.
EMPTY_WORDS = frozenset(
    {"about", "and", "are", "can", "does", "for", "from", "has", "have", "how", "into", "many", "may", "much", "must"}
    | {"our", "over", "that", "the", "them", "then", "there", "they", "this", "under", "was", "what", "when", "where"}
    | {"which", "who", "why", "will", "with", "you", "your"}
)
# What the model itself declines, whatever the caller's guardrail let through.
REFUSED_WORDS = frozenset({"malware", "explosives", "counterfeit"})


@dataclass(frozen=True, slots=True)
class Price:
    input_usd: float
    """Dollars for a million tokens in."""
    output_usd: float


PRICES: Mapping[str, Price] = {
    "harbor-small-1": Price(input_usd=0.40, output_usd=1.60),
    "harbor-large-1": Price(input_usd=3.00, output_usd=15.00),
    "harbor-deep-1": Price(input_usd=30.00, output_usd=120.00),
}


class Speaker(StrEnum):
    SYSTEM = "system"
    USER = "user"
    TOOL = "tool"


class FinishReason(StrEnum):
    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class ModelMessage:
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    cost_usd: float
    tool_call: ToolCall | None = None


def count_tokens(text: str) -> int:
    """Count words and marks: what this model calls a token."""
    return len(TOKEN.findall(text))


class LocalModel:
    """Speaks the turn that follows the messages: first a tool call, after the tool's result the answer."""

    def __init__(self, name: str, *, context_factor: int = 1) -> None:
        """`context_factor`: how many times the messages stand in the context that is read and paid for."""
        self.name = name
        self._context_factor = context_factor
        self._price = PRICES[name]

    def chat(self, messages: Sequence[ModelMessage], *, follows_schema: bool = True) -> Reply:
        """Return the next turn. With `follows_schema=False` the answer breaks the schema it was asked for."""
        question = next(message.text for message in reversed(messages) if message.speaker is Speaker.USER)
        words = [word for word in WORD.findall(question.lower()) if word not in EMPTY_WORDS]
        if REFUSED_WORDS & set(words):
            return self._reply(messages, "I cannot help with that.", FinishReason.CONTENT_FILTER)
        if messages[-1].speaker is not Speaker.TOOL:
            query = " ".join(dict.fromkeys(words)) or question.lower()
            call = ToolCall(f"call_{len(messages)}", "search_documents", {"query": query})
            return self._reply(messages, json.dumps(dict(call.arguments)), FinishReason.TOOL_CALLS, call)
        answer = _compose(words, json.loads(messages[-1].text))
        if not follows_schema:
            answer = {"answer": answer["answer"], "confidence": "very"}
        return self._reply(messages, json.dumps(answer), FinishReason.STOP)

    def _reply(
        self, messages: Sequence[ModelMessage], text: str, reason: FinishReason, call: ToolCall | None = None
    ) -> Reply:
        tokens_in = sum(count_tokens(message.text) for message in messages) * self._context_factor
        tokens_out = count_tokens(text)
        cost = (tokens_in * self._price.input_usd + tokens_out * self._price.output_usd) / 1_000_000
        return Reply(text, reason, tokens_in, tokens_out, round(cost, 9), call)


def _compose(words: Sequence[str], found: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Answer with the sentence of the found documents that shares most words with the question."""
    wanted = set(words)
    best, best_score, cited = "", 0, ""
    for document in found:
        for sentence in SENTENCE.findall(str(document["body"])):
            score = len(wanted & set(WORD.findall(sentence.lower())))
            if score > best_score:
                best, best_score, cited = sentence.strip(), score, str(document["id"])
    if not best:
        return {"answer": "The documents say nothing about it.", "citations": [], "confidence": 0.0}
    return {"answer": best, "citations": [cited], "confidence": round(best_score / len(wanted), 2)}
