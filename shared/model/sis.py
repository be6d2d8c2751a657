"""What a SIS says of itself, for the mapping screen: its schools, its fields, its codes."""

from pydantic import BaseModel, ConfigDict

from shared.model.codes import Code


class SisSchool(BaseModel):
    """`code` is what people call the school by, and what a registration's School Code is compared with."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str
    id: str = ""


class SisField(BaseModel):
    """`custom`: of the district's own making. `read` by imports, `written` by exports."""

    model_config = ConfigDict(frozen=True)

    name: str
    label: str
    custom: bool = False
    read: bool = True
    written: bool = False


class SisLists(BaseModel):
    """`codes` by the name of their set. `missing` are sets that this login may not read."""

    model_config = ConfigDict(frozen=True)

    schools: tuple[SisSchool, ...] = ()
    fields: tuple[SisField, ...] = ()
    codes: dict[str, tuple[Code, ...]] = {}
    missing: tuple[str, ...] = ()
