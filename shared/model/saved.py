"""What people save and nobody changes: every save is the next version of its name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, Field

One = TypeVar("One", bound="Saved")


class Saved(BaseModel):
    """One immutable version of something that belongs to a connection and has a name."""

    id: str
    connection: str
    name: str
    version: int = Field(ge=1)
    created_at: datetime
    created_by: str


class SavedMapping(Saved):
    """One version of a mapping of (connection, direction, data type, name)."""

    direction: Literal["import", "export"]
    data_type: str


def newest(versions: Sequence[One]) -> list[One]:
    """The newest version of each name; `versions` are newest first."""
    return list({one.name: one for one in reversed(versions)}.values())
