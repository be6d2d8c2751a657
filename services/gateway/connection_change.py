"""What of a connection is changed: what is given is laid over what it has."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.model.address import NewHost, NewHttpAddress
from shared.model.connection import Connection, NewName, SafetyLimits
from shared.model.export_rules import NewExportRules
from shared.model.kind_settings import (
    NewAeriesSettings,
    NewOneRosterSettings,
    NewPowerSchoolSettings,
    NewSftpSettings,
    NewSkywardSettings,
)
from shared.model.school_code import SchoolCode
from shared.model.zone import Zone


class SftpChange(NewSftpSettings):
    __doc__ = NewSftpSettings.__doc__

    host: NewHost = ""
    user: Annotated[str, Field(min_length=1, max_length=100)] = ""


class OneRosterChange(NewOneRosterSettings):
    __doc__ = NewOneRosterSettings.__doc__

    base_url: NewHttpAddress = ""
    token_url: NewHttpAddress = ""


class PowerSchoolChange(NewPowerSchoolSettings):
    __doc__ = NewPowerSchoolSettings.__doc__

    base_url: NewHttpAddress = ""


class AeriesChange(NewAeriesSettings):
    __doc__ = NewAeriesSettings.__doc__

    base_url: NewHttpAddress = ""


class SkywardChange(NewSkywardSettings):
    __doc__ = NewSkywardSettings.__doc__

    base_url: NewHttpAddress = ""


class ConnectionChange(BaseModel):
    """What is left out stays as it is, also within `limits`, `exports` and the settings of the kind. Lists are replaced
    whole."""

    model_config = ConfigDict(extra="forbid")

    name: NewName | None = None
    enable_import: bool | None = None
    enable_export: bool | None = None
    roster: Literal["full", "some"] | None = None
    time_zone: Zone | Literal[""] | None = None
    limits: SafetyLimits | None = None
    schools: tuple[SchoolCode, ...] | None = Field(default=None, max_length=2000)
    exports: NewExportRules | None = None
    sftp: SftpChange | None = None
    oneroster: OneRosterChange | None = None
    powerschool: PowerSchoolChange | None = None
    aeries: AeriesChange | None = None
    skyward: SkywardChange | None = None


class _Parts(BaseModel):
    """What is made of several values, once it is put together."""

    limits: SafetyLimits | None = None
    exports: NewExportRules | None = None
    sftp: NewSftpSettings | None = None
    oneroster: NewOneRosterSettings | None = None
    powerschool: NewPowerSchoolSettings | None = None
    aeries: NewAeriesSettings | None = None
    skyward: NewSkywardSettings | None = None


PARTS: Final = frozenset(_Parts.model_fields)


def laid_over(connection: Connection, wanted: ConnectionChange) -> dict[str, Any]:
    """The values that are new, each one whole. Raises ValidationError where they do not go with what it has."""
    given = {name: value for name, value in wanted if value is not None}
    held = connection.model_dump(include=set(PARTS))
    parts = {name: (held[name] or {}) | given[name].model_dump(exclude_unset=True) for name in PARTS & given.keys()}
    whole = _Parts.model_validate(parts).model_dump()
    return given | {name: whole[name] for name in parts}
