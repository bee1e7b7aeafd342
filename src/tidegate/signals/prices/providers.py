"""Which provider and which model a sender means: the spellings of conventions and instrumentations, as data."""

import re
from typing import Final

SPELLINGS: Final = {
    # spelling in lower case -> the provider whose price list counts
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure-openai": "azure",
    "azure_openai": "azure",
    "azureopenai": "azure",
    "azure-ai": "azure",
    "azure_ai": "azure",
    "aws.bedrock": "aws",
    "amazon-bedrock": "aws",
    "amazon_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon": "aws",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gcp.gemini": "google",
    "vertex_ai": "google",
    "vertexai": "google",
    "gemini": "google",
    "google.generative-ai": "google",
    "google.vertex": "google",
    "google_genai": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "google_vertexai": "google",
    "google_anthropic_vertex": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "moonshot_ai": "moonshotai",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "together-ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "fireworksai": "fireworks",
    "open_router": "openrouter",
    "voyage": "voyageai",
    "perplexityai": "perplexity",
    "x.ai": "x-ai",
    "z.ai": "zai",
    "together.ai": "together",
    "fireworks.ai": "fireworks",
    "novita.ai": "novita",
}

CARRIERS: Final = frozenset(
    # Frameworks and gateways that write their own name where the provider's belongs: the model has to say it.
    {
        "langchain",
        "langgraph",
        "llamaindex",
        "llama_index",
        "haystack",
        "crewai",
        "litellm",
        "litellm_proxy",
        "dspy",
        "autogen",
        "semantic_kernel",
        "agno",
        "smolagents",
        "portkey",
        "unknown",
        "other",
    }
)

_FOLDERS: Final = re.compile(r"^.*\b(?:models|inference-profile|foundation-model|deployments)/")
_MAX_NAME_CHARACTERS: Final = 512


def canonical_provider(spelled: str) -> str:
    """Return the provider that `spelled` means; empty when it says nothing, itself when nobody knows it."""
    name = spelled.strip().lower()[:_MAX_NAME_CHARACTERS]
    if not name or name in CARRIERS:
        return ""
    found = SPELLINGS.get(name)
    if found is not None:
        return found
    # The Vercel AI SDK writes provider and kind of call: `openai.chat`, `azure-openai.responses`, `google.vertex.chat`.
    for depth in (2, 1):
        head = ".".join(name.split(".")[:depth])
        if head in SPELLINGS:
            return SPELLINGS[head]
    return name.partition(".")[0]


def canonical_model(spelled: str) -> str:
    """Return a model's name without the case that senders choose."""
    return spelled.strip().lower()[:_MAX_NAME_CHARACTERS]


def model_names(model: str) -> tuple[str, ...]:
    """Return under which names a canonical model may stand in a price list, the likeliest first."""
    names = [model]
    bare = _FOLDERS.sub("", model)
    if bare and bare != model:
        names.append(bare)
    return tuple(names)


def provider_in_model(model: str) -> tuple[str, str] | None:
    """Return provider and model out of `anthropic/claude-sonnet-4-5`, as gateways write them."""
    head, slash, rest = model.partition("/")
    return (canonical_provider(head), rest) if slash and head and rest else None
