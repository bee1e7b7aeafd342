"""The price file: its shape, published as a JSON Schema, and how text becomes prices."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from tidegate.edge.bodies import field_of
from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import canonical_json
from tidegate.signals.prices.errors import PriceFileInvalidError
from tidegate.signals.prices.model import ANY_PROVIDER, PriceEntry, Tier, UsdRates, find_overlap
from tidegate.signals.prices.providers import canonical_model, canonical_provider

__all__ = ["MAX_FILE_BYTES", "EntryFile", "PriceFile", "body_of", "entries_of", "parse_price_file"]

MAX_FILE_BYTES = 512 * 1024  # 2,000 prices take 300 KB
MAX_ENTRIES = 2_000  # a model is looked up among all of them once
MAX_TIERS = 16
MAX_USD_A_MILLION: Final = 10_000  # the dearest model of the bundled list costs 600: more is a slip of the unit
MAX_USD_A_REQUEST: Final = 1_000
_UNITS: Final = {
    "per_million_tokens": Decimal(1),
    "per_thousand_tokens": Decimal(1_000),
    "per_token": Decimal(1_000_000),
}


def _as_number(value: object) -> object:
    """Read a price from its digits: 0.1 is a tenth, and `true` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("a price is a number of dollars")  # noqa: TRY004 - pydantic makes sentences of ValueErrors
    return str(value)


Usd = Annotated[
    Decimal,
    BeforeValidator(_as_number, json_schema_input_type=float | str),
    Field(ge=0, max_digits=24, decimal_places=15, allow_inf_nan=False),
    PlainSerializer(lambda price: f"{price:f}", return_type=str, when_used="json"),
]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f-\x9f]+$", max_length=200)]


def _as_moment(value: object) -> object:
    """Read a day as the moment at which it begins in UTC."""
    if isinstance(value, str) and len(value) == len("2026-01-01"):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


Moment = Annotated[Utc, BeforeValidator(_as_moment, json_schema_input_type=AwareDatetime | date)]


class _Published(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class TierFile(_Published):
    """Prices of a call with a long input: of all of its tokens."""

    above_input_tokens: Annotated[int, Field(ge=1, le=1_000_000_000_000)]
    input: Usd | None = None
    """What a tier does not say is as without it."""
    output: Usd | None = None
    cache_read: Usd | None = None
    cache_write: Usd | None = None


class EntryFile(_Published):
    """The price of one model."""

    provider: Name
    """As telemetry spells it, in any of its spellings; `*`: whoever serves the model."""
    model: Name
    """As telemetry names it; a `*` at its end: every model whose name begins so."""
    unit: Literal["per_million_tokens", "per_thousand_tokens", "per_token"] = "per_million_tokens"
    """What the dollars of `input`, `output`, `cacheRead` and `cacheWrite` buy."""
    input: Usd | None = None
    output: Usd | None = None
    """Reasoning is output. Output without a price leaves calls that have some unpriced."""
    cache_read: Usd | None = None
    """Input read from a cache; as `input` unless said."""
    cache_write: Usd | None = None
    """Input written to a cache; as `input` unless said."""
    request: Usd | None = None
    """Dollars for each call, beside its tokens; alone, tokens are free."""
    tiers: Annotated[tuple[TierFile, ...], Field(max_length=MAX_TIERS)] = ()
    """In rising order; the highest whose `aboveInputTokens` is below the input of a call counts."""
    from_: Annotated[Moment | None, Field(alias="from")] = None
    """A day or a moment: calls that ended before keep the price that they had."""
    to: Moment | None = None
    """The first moment at which it does not count any more."""


class PriceFile(_Published):
    """The prices of a workspace. They go before the bundled ones; a file replaces the file before it."""

    api_version: Literal["tidegate/v1"]
    kind: Literal["Prices"]
    currency: Literal["USD"] = "USD"
    prices: Annotated[tuple[EntryFile, ...], Field(max_length=MAX_ENTRIES)]

    @classmethod
    def of(cls, entries: tuple[PriceEntry, ...]) -> Self:
        """Return the file that says `entries`, all in dollars a million tokens."""
        return cls(api_version="tidegate/v1", kind="Prices", prices=tuple(map(_file_entry_of, entries)))


def parse_price_file(text: bytes) -> tuple[PriceEntry, ...]:
    """Return the prices in `text`, which is YAML or JSON.

    Raises:
        PriceFileInvalidError: it is too large, no document, no price file, or a field is wrong; the field is named.
    """
    try:
        document = load_document(text, limit_bytes=MAX_FILE_BYTES)
    except DocumentUnreadableError as error:
        raise PriceFileInvalidError(f"The price file is refused: {error}", field="body") from error
    return entries_of(document)


def entries_of(document: Any) -> tuple[PriceEntry, ...]:  # noqa: ANN401 - what was read, to be checked here
    """Return the prices that a document says.

    Raises:
        PriceFileInvalidError: a field is wrong; it is named.
    """
    try:
        file = PriceFile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = field_of(first["loc"]) or "body"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise PriceFileInvalidError(f"{field}: {first['msg']}{more}", field=field) from error
    entries = tuple(_entry_of(own, position) for position, own in enumerate(file.prices))
    overlap = find_overlap(entries)
    if overlap is not None:
        first_one, second = overlap
        raise PriceFileInvalidError(
            f"prices.{second}: {entries[second].provider} {entries[second].model} has a price for the same time at "
            f"prices.{first_one}. Give them `from` and `to` that do not overlap, or leave one out.",
            field=f"prices.{second}",
        )
    return entries


def body_of(entries: tuple[PriceEntry, ...]) -> bytes:
    """Return what is stored of `entries`: the file that says them, as canonical JSON."""
    return canonical_json(PriceFile.of(entries).model_dump(mode="json", by_alias=True, exclude_none=True))


def _entry_of(own: EntryFile, position: int) -> PriceEntry:
    place = f"prices.{position}"
    if own.input is None and own.output is None and own.request is None:
        raise PriceFileInvalidError(
            f"{place}.input: give a price: `input`, `output` or `request`.", field=f"{place}.input"
        )
    if own.from_ is not None and own.to is not None and own.from_ >= own.to:
        raise PriceFileInvalidError(
            f"{place}.to: it ends before it begins: `to` lies after `from`.", field=f"{place}.to"
        )
    if "*" in own.model[:-1]:
        raise PriceFileInvalidError(f"{place}.model: a `*` stands at the end, or nowhere.", field=f"{place}.model")
    above = 0
    for number, tier in enumerate(own.tiers):
        if tier.above_input_tokens <= above:
            field = f"{place}.tiers.{number}.aboveInputTokens"
            raise PriceFileInvalidError(
                f"{field}: tiers overlap: each begins above the one before it ({above:,}).", field=field
            )
        above = tier.above_input_tokens
    return PriceEntry(
        provider=ANY_PROVIDER if own.provider == ANY_PROVIDER else canonical_provider(own.provider) or own.provider,
        model=canonical_model(own.model),
        rates=_rates_of(own, own.unit, place),
        tiers=tuple(
            Tier(tier.above_input_tokens, _rates_of(tier, own.unit, f"{place}.tiers.{number}"))
            for number, tier in enumerate(own.tiers)
        ),
        valid_from=own.from_,
        valid_to=own.to,
    )


def _rates_of(own: EntryFile | TierFile, unit: str, place: str) -> UsdRates:
    per_million: dict[str, Decimal] = {}
    for part in ("input", "output", "cache_read", "cache_write"):
        value: Decimal | None = getattr(own, part)
        if value is None:
            continue
        per_million[part] = (value * _UNITS[unit]).normalize()  # 2 and 2.00 are one price, in one version
        if per_million[part] > MAX_USD_A_MILLION:
            wire = to_camel(part)
            raise PriceFileInvalidError(
                f"{place}.{wire}: {per_million[part]:f} dollars a million tokens is more than any model costs "
                f"({MAX_USD_A_MILLION:,} are let through). Check `unit`.",
                field=f"{place}.{wire}",
            )
    request = own.request if isinstance(own, EntryFile) else None
    if request is not None and request > MAX_USD_A_REQUEST:
        raise PriceFileInvalidError(
            f"{place}.request: {request:f} dollars a call is more than {MAX_USD_A_REQUEST:,}.", field=f"{place}.request"
        )
    return UsdRates(**per_million, request=None if request is None else request.normalize())


def _file_entry_of(entry: PriceEntry) -> EntryFile:
    return EntryFile(
        provider=entry.provider,
        model=entry.model,
        input=entry.rates.input,
        output=entry.rates.output,
        cache_read=entry.rates.cache_read,
        cache_write=entry.rates.cache_write,
        request=entry.rates.request,
        tiers=tuple(
            TierFile(
                above_input_tokens=tier.above,
                input=tier.rates.input,
                output=tier.rates.output,
                cache_read=tier.rates.cache_read,
                cache_write=tier.rates.cache_write,
            )
            for tier in entry.tiers
        ),
        from_=entry.valid_from,
        to=entry.valid_to,
    )
