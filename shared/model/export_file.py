"""The files of an export: their names, their form, and what stands in each column. Source: product facts, 5.4."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.mapping import Source, not_too_deep
from shared.model.saved import SavedMapping

TOKENS: Final = {
    "YYYY": "{at:%Y}",
    "YY": "{at:%y}",
    "MM": "{at:%m}",
    "DD": "{at:%d}",
    "HH": "{at:%H}",
    "mm": "{at:%M}",
    "school_year": "{year}",
    "school_year_end": "{end}",
}
"""What may stand in braces in a File Name: the day and time the run was asked for, and its school year (2026, 2027)."""

MAX_NAME = 150
_TOKEN = re.compile(r"\{([^{}]*)\}")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|{}]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


def _sound_name(name: str) -> str:
    known = ", ".join(f"{{{token}}}" for token in TOKENS)
    for token in _TOKEN.findall(name):
        if token not in TOKENS:
            raise ValueError(f"There is no {{{token[:30]}}}. Use one of {known}")
    bare = _TOKEN.sub("0", name)
    if _FORBIDDEN.search(bare):
        raise ValueError(f'A file name holds none of \\ / : * ? " < > | and braces only around one of {known}')
    if bare != bare.strip() or bare.startswith(".") or bare.endswith("."):
        raise ValueError("A file name neither begins nor ends with a space or a dot")
    if _RESERVED.fullmatch(bare.partition(".")[0]):
        raise ValueError("Windows keeps this name for itself. Choose another one")
    return name


FileName = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_sound_name)]


class ExportColumn(BaseModel):
    """A column of the file: the name in its header, and where its value comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str = Field(max_length=200)
    source: Source


class ExportFile(BaseModel):
    """One file of an export.

    `neutralize_formulas` puts an apostrophe before values that a spreadsheet would run. `quote` says whether the text
    identifier stands around every value or only where it is needed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FileName
    extension: Literal["csv", "txt", "tsv"] = "csv"
    separator: Literal["comma", "tab"] = "comma"
    text_identifier: Literal["double", "single"] = "double"
    header: bool = True
    quote: Literal["needed", "all"] = "needed"
    neutralize_formulas: bool = True
    encoding: Literal["utf-8", "utf-8-bom", "windows-1252"] = "utf-8"
    line_end: Literal["crlf", "lf"] = "crlf"
    columns: tuple[ExportColumn, ...] = Field(min_length=1, max_length=500)

    def file_name(self, at: datetime, school_year: int) -> str:
        """The name of the file that a run makes; `at` is when it was asked for, by the clock of the district."""
        told = {"at": at, "year": school_year, "end": school_year + 1}
        name = _TOKEN.sub(lambda found: TOKENS[found[1]].format(**told), self.name)
        return f"{name}.{self.extension}"

    @model_validator(mode="after")
    def _headers_differ(self) -> "ExportFile":
        headers = [column.header.strip().casefold() for column in self.columns]
        if self.header and not all(headers):
            raise ValueError("A column has no header. Name it, or leave the header row out")
        if self.header and len(set(headers)) < len(headers):
            raise ValueError("Two columns have the same header. Rename one, or leave the header row out")
        return self


class ExportDraft(BaseModel):
    """The files of an export, as sent in; no two may have the same name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    _shallow = model_validator(mode="before")(not_too_deep)

    name: str = Field(default="default", min_length=1, max_length=100)
    files: tuple[ExportFile, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _names_differ(self) -> "ExportDraft":
        if len({f"{file.name}.{file.extension}".casefold() for file in self.files}) < len(self.files):
            raise ValueError("Two files would have the same name")
        return self

    def file_names(self, at: datetime, school_year: int) -> list[str]:
        """The names of the files that a run makes.

        Raises:
            BadMapping: two of them are the same, once the day and the year are in them.
        """
        names = [file.file_name(at, school_year) for file in self.files]
        if len({name.casefold() for name in names}) < len(names):
            raise BadMapping(*said("export.same_name", names=", ".join(names)))
        return names


class ExportMapping(ExportDraft, SavedMapping):
    """The saved files of an export."""
