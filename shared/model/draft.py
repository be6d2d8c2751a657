"""What a person has on the mapping screen and has not saved: a mapping, finished or not, and examples to try it on."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.model.mapping import not_too_deep

MAX_EXAMPLES = 5
TYPES = ("direct", "match_codes", "transformation", "do_not_map")
Cell = Annotated[str, Field(max_length=10_000)]


class Draft(BaseModel):
    """Rows as they were typed: `fields` for a mapping of fields, `files` for an export of files.

    A row has the shape of a row of a mapping (`shared.model.mapping`), and may lack what it needs. `base` is the
    version it began from; 0 where nothing was saved before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    _shallow = model_validator(mode="before")(not_too_deep)

    fields: list[dict[str, Any]] = Field(default=[], max_length=1000)
    files: list[dict[str, Any]] = Field(default=[], max_length=50)
    base: int = 0

    @model_validator(mode="before")
    @classmethod
    def _without_turn(cls, raw: Any) -> Any:
        """Drafts that were kept before forms carried a mark of all that they show counted their turns."""
        return {name: held for name, held in raw.items() if name != "turn"} if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _rows_are_rows(self) -> Self:
        """What people type may be wrong in any way; what a program sends has at least the shape of rows."""
        if not all(isinstance(row.get("target"), str) and row.get("type") in TYPES for row in self.fields):
            raise ValueError(f"A row has a target, and a type, which is one of {', '.join(TYPES)}")
        for file in self.files:
            columns = file.get("columns", [])
            if not isinstance(columns, list) or not all(isinstance(one, dict) for one in columns):
                raise ValueError("The columns of a file are a list of objects")
        return self


class Examples(BaseModel):
    """Records that the Mapped Value is shown for: rows of a file or of a SIS, or students whose registration it is.

    `origin` says where the rows are from. `proposals` are rows for the mapping that nobody has answered yet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    school_year: int = Field(ge=2000, le=2100)
    origin: str = Field(default="", max_length=300)
    columns: list[Cell] = Field(default=[], max_length=2000)
    rows: list[list[Cell]] = Field(default=[], max_length=MAX_EXAMPLES)
    students: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default=[], max_length=MAX_EXAMPLES)
    proposals: list[dict[str, Any]] = Field(default=[], max_length=1000)
