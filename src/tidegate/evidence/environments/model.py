"""What a schema asks of variables, and what is found. Pure; no value of a variable is ever part of a finding."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["EnvFileError", "Parity", "Problem", "Schema", "Type", "Variable"]

MAX_NAMES = 5_000


class EnvFileError(ValueError):
    """A file cannot be read as what it should be; the message says where, and holds no value."""


class Parity(StrEnum):
    """What two environments may have in common."""

    ANY = "any"
    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Type:
    """A type and its options, for example `string` with `minLength`."""

    name: str = "string"
    options: tuple[tuple[str, str], ...] = ()
    choices: tuple[str, ...] = ()

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    type: Type = field(default_factory=Type)
    is_required: bool = True
    is_sensitive: bool = True
    parity: Parity = Parity.ANY
    example: str = ""
    """What the schema gives as its value: a placeholder when it is sensitive."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    variables: tuple[Variable, ...]
    digest: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset(variable.name for variable in self.variables)


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable and what is wrong with it: `problem` is a word of docs/reference/evidence-formats.md."""

    name: str
    problem: str
    expected: str
    """What the schema asks, in words."""
    environment: str | None = None
