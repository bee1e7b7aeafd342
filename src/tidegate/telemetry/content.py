"""What is kept of prompts, outputs and secrets. The patterns are data.

They are written in what RE2, Hyperscan and Python read alike: no look-around, no back references.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final

MASK: Final = "[redacted]"
MAX_VALUE_CHARACTERS: Final = 8_192
MAX_CONTENT_CHARACTERS: Final = 32_768


class Content(StrEnum):
    """What happens to prompts and outputs of the watched service."""

    DROP = "drop"
    REDACT = "redact"
    KEEP = "keep"


CONTENT_KEYS: Final = (
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.evaluation.explanation",
    "gen_ai.prompt",
    "gen_ai.completion",
    "input.value",
    "output.value",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "tool.parameters",
    "tool_call.function.arguments",
    "mcp.response.value",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "llm.prompts",
    "llm.completions",
    "llm.prompt_template.variables",
)
CONTENT_PREFIXES: Final = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages.",
    "llm.output_messages.",
    "retrieval.documents.",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "ai.prompt",
)
NO_CONTENT_KEYS: Final = ("gen_ai.prompt.name", "gen_ai.prompt.version")
NO_CONTENT_SUFFIXES: Final = (".finish_reason", ".role", ".document.id", ".document.score")
CONTENT_KEY: Final = (
    "^(?:(?:" + "|".join(map(re.escape, CONTENT_KEYS)) + ")$|(?:" + "|".join(map(re.escape, CONTENT_PREFIXES)) + "))"
)
NO_CONTENT_KEY: Final = (
    "(?:^(?:" + "|".join(map(re.escape, NO_CONTENT_KEYS)) + ")|" + "|".join(map(re.escape, NO_CONTENT_SUFFIXES)) + ")$"
)
CONTENT_EVENTS: Final = "gen_ai."
"""Span events whose name begins so carry messages."""

SECRET_KEY: Final = (
    r"(?i)(?:^|[._-])(?:authorization|proxy-authorization|cookie|set-cookie|password|passwd|passphrase|secret"
    r"|api[_-]?key|apikey|x-api-key|private[_-]?key|secret[_-]?key|client[_-]?secret|credentials?"
    r"|(?:access|auth|refresh|id|bearer|session|api)[_-]?token)$"
)
"""The last part of a key whose value is a secret, whatever it looks like."""
SECRETS: Final = (
    r"(?i:\b(?:bearer|basic) +[A-Za-z0-9._~+/=-]{12,})",
    r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj-|ant-|or-)?[A-Za-z0-9_-]{16,}",
    r"\b(?:ghp|gho|ghu|ghs|ghr|glpat|github_pat|npm|hf|dop_v1|shpat|whsec|tgt?)[-_][A-Za-z0-9_+/=-]{16,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    r"://[^/\s:@\"]{1,128}:[^/\s:@\"]{1,128}@",
    (
        r"(?i:(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|client[_-]?secret)\\?[\"']? ?[:=] ?\\?[\"']?"
        r"[^\s\"',;&}\\]{4,})"
    ),
)
"""Shapes of secrets, wherever they stand."""
PERSONAL: Final = (
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}\b",
    r"\+[1-9][0-9]{0,2}[ .-]?\(?[0-9]{1,4}\)?(?:[ .-]?[0-9]{2,4}){2,4}\b",
    r"\b\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b",
    r"\b(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2})[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
)
"""E-mail addresses, phone and card numbers."""


def any_of(patterns: Iterable[str]) -> str:
    """Return one pattern that finds what one of `patterns` finds."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)


_CONTENT_KEY = re.compile(CONTENT_KEY)
_NO_CONTENT_KEY = re.compile(NO_CONTENT_KEY)
_SECRET_KEY = re.compile(SECRET_KEY)
_SECRETS = re.compile(any_of(SECRETS))
_PERSONAL = re.compile(any_of(PERSONAL))


# A service has a few dozen keys and sends them with every record; keys are cut, so this holds 8 MB at most.
@lru_cache(maxsize=4_096)
def is_content(key: str) -> bool:
    """Return whether `key` carries a prompt, an output or a document of the watched service."""
    return _CONTENT_KEY.search(key) is not None and _NO_CONTENT_KEY.search(key) is None


@lru_cache(maxsize=4_096)
def is_secret(key: str) -> bool:
    """Return whether the value of `key` is a secret by its name."""
    return _SECRET_KEY.search(key) is not None


def without_secrets(text: str) -> str:
    return _seen(text) if len(text) <= _SHORT_CHARACTERS else _linear(SECRETS).sub(MASK, text)


# Most values of a service's spans come again and again; together at most 20 MB.
_SHORT_CHARACTERS = 128
_seen = lru_cache(maxsize=65_536)(lambda text: _SECRETS.sub(MASK, text))


def without_secrets_in(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of a row, the texts among them without secrets."""
    return {name: without_secrets(value) if isinstance(value, str) else value for name, value in columns.items()}


def without_personal_data(text: str) -> str:
    return (_PERSONAL if len(text) <= _SHORT_CHARACTERS else _linear(PERSONAL)).sub(MASK, text)


@cache
def _linear(patterns: tuple[str, ...]) -> Any:  # noqa: ANN401 - RE2 has no types
    """Return what finds `patterns` in a time that grows with the text alone.

    Python goes back and forth: 32 kB of `-eyJ` over and over, which no web token follows, took it 155 ms, and a body
    may hold 2,000 of them. RE2 takes 0.2 ms, and a twentieth of Python's time for most long texts. It is imported when
    it is needed: settings know of `Content`, and are read where no server is installed.
    """
    import re2

    return re2.compile(any_of(patterns))


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What is stored of one attribute or body, in Python; the engine does the same by the same patterns."""

    content: Content = Content.REDACT

    def attribute(self, key: str, value: str) -> str | None:
        """Return what is stored of the attribute, `None` when nothing is."""
        if is_secret(key):
            return MASK if value else value
        if not is_content(key):
            return without_secrets(value)[:MAX_VALUE_CHARACTERS]
        return None if self.content is Content.DROP else self.text(value)

    def text(self, text: str) -> str:
        """Return what is stored of a body that people or models wrote."""
        text = without_secrets(text)
        if self.content is not Content.KEEP:
            text = without_personal_data(text)
        return text[:MAX_CONTENT_CHARACTERS]


DEFAULT_POLICY: Final = ContentPolicy()
