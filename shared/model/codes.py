"""Codes: what Enroll and a SIS call the same thing, and the table that pairs them, used in both directions."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from shared.model.saved import Saved

CodeText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class Code(BaseModel):
    """A member of a code set, and what people call it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: CodeText
    label: str = Field(default="", max_length=500)


CodeSets: TypeAlias = Mapping[str, Sequence[Code]]
"""Enroll's field codes: the name of a set to its codes."""
NO_SETS: Final[CodeSets] = MappingProxyType({})
"""Where they are not known, or nothing is checked by them."""


class CodePair(BaseModel):
    """A code of the SIS and its partner in Enroll."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sis: CodeText
    enroll: CodeText


class CodeTableDraft(BaseModel):
    """A table of pairs as sent in. Where a code stands in several pairs, the first of them counts in its direction.

    `enroll_set` names one of Enroll's field codes; empty where the table is for something else. `sis_codes` are all
    codes the SIS knows, as far as they are known: what nothing maps to is reported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enroll_set: str = Field(default="", max_length=100)
    sis_codes: tuple[Code, ...] = Field(default=(), max_length=5000)
    pairs: tuple[CodePair, ...] = Field(max_length=5000)

    def inward(self) -> dict[str, str]:
        """From the SIS to Enroll."""
        return {pair.sis: pair.enroll for pair in reversed(self.pairs)}

    def outward(self) -> dict[str, str]:
        """From Enroll to the SIS."""
        return {pair.enroll: pair.sis for pair in reversed(self.pairs)}


class CodeTable(CodeTableDraft, Saved):
    """One immutable version of a table of a connection."""
