"""The manner of all wire shapes: camelCase, nothing unknown accepted, nothing infinite written."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from tidegate.kernel import format_utc

__all__ = ["Utc", "WireModel"]

Utc = Annotated[AwareDatetime, PlainSerializer(format_utc, return_type=str, when_used="json")]
"""A moment; written in UTC with a Z."""


class WireModel(BaseModel):
    """Base of every `…In` and `…Out`."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="null",
        allow_inf_nan=False,
    )
