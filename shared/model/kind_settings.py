"""What a connection of each kind is set up with, apart from its login.

The `New` ones are as they may be given today: what was stored before a rule stays readable.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.model.address import HttpAddress, NewHost, NewHttpAddress

ExtensionField = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,60}\.[A-Za-z0-9_]{1,60}$")]


class SftpSettings(BaseModel):
    """Where the files are. The host key is pinned: an OpenSSH public key line, approved by a person.

    `settle_seconds` is how long a file must stay the same before it is taken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, max_length=255)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1, max_length=100)
    import_folder: str = Field(default="import", max_length=500)
    archive_folder: str = Field(default="archive", max_length=500)
    export_folder: str = Field(default="export", max_length=500)
    pattern: str = Field(default="*.csv", min_length=1, max_length=200)
    settle_seconds: float = Field(default=5, ge=0, le=300)
    host_key: str = Field(default="", max_length=5000)

    @field_validator("pattern")
    @classmethod
    def _name_only(cls, pattern: str) -> str:
        if "/" in pattern or "\\" in pattern or "\0" in pattern:
            raise ValueError("The pattern is for the file name alone, without folders.")
        return pattern


class OneRosterSettings(BaseModel):
    """A OneRoster server. `base_url` ends before the collections, such as https://sis.example/ims/oneroster/v1p1.

    `per_second`: calls that all workers together may make; 0 sets no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpAddress
    token_url: HttpAddress
    version: Literal["1.1", "1.2"] = "1.1"
    scope: str = Field(default="", max_length=2000)
    page_size: int = Field(default=1000, ge=1, le=10_000)
    per_second: float = Field(default=10, ge=0, le=1000)

    @property
    def scopes(self) -> str:
        """What is asked for: the standard's read scopes, unless the connection says otherwise."""
        place = "v1p1" if self.version == "1.1" else "v1p2"
        root = f"https://purl.imsglobal.org/spec/or/{place}/scope"
        return self.scope or f"{root}/roster-core.readonly {root}/roster-demographics.readonly"


class PowerSchoolSettings(BaseModel):
    """A PowerSchool server. `base_url` is that of the server, such as https://ps.example.org.

    `statuses`: which students are read: A active, P pre-registered, T transferred out, G graduated, H historical,
    I inactive. `extension_fields` are custom fields as `table.field`. `contacts` asks for those of each student, one
    call a student. `per_second`: calls that all workers together may make (the plugin's minimum interval).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpAddress
    page_size: int = Field(default=500, ge=1, le=10_000)
    statuses: tuple[Literal["A", "P", "T", "G", "H", "I"], ...] = Field(default=("A", "P"), min_length=1)
    extension_fields: tuple[ExtensionField, ...] = Field(default=(), max_length=500)
    contacts: bool = False
    per_second: float = Field(default=10, ge=0, le=1000)


class AeriesSettings(BaseModel):
    """An Aeries site. `base_url` is that of the site, such as https://district.asp.aeries.net/aeries.

    `schools` are the codes of those that are read; all active ones where it is empty. `statuses` are the Inactive
    Status Codes that are wanted, the first before the next: "" active, "*" pre-enrolled. `database_year` is the year a
    school year begins; the site's default where it is not given. `address_change`: whether an address that an export
    writes was corrected or has changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpAddress
    schools: tuple[Annotated[int, Field(ge=0, le=9999)], ...] = Field(default=(), max_length=2000)
    statuses: tuple[Annotated[str, Field(max_length=3)], ...] = Field(default=("", "*"), min_length=1, max_length=20)
    database_year: int | None = Field(default=None, ge=2000, le=2100)
    contacts: bool = True
    address_change: Literal["correction", "change"] = "change"
    page_size: int = Field(default=1000, ge=1, le=10_000)
    per_second: float = Field(default=10, ge=0, le=1000)


class SkywardSettings(BaseModel):
    """A Skyward Qmlativ server. `base_url` is that of its API, such as https://skyward.iscorp.com/DistrictStuAPI.

    `entity_id` is what is seen: 1 is the district, others are schools. `active_only` leaves out who has left.
    `extra_fields` are fields of Student, dotted for a related object. `without` are fields (`Student.Name.BirthDate`)
    and whole objects (`NameEmail`) that the integration may not read: one of them would fail every call.
    `external_ids`: the names that exports make carry a key of ours in External Unique Identifier, by which an
    interrupted creation is taken up again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpAddress
    entity_id: int = Field(default=1, ge=1)
    school_year_id: int | None = Field(default=None, ge=1)
    page_size: int = Field(default=1000, ge=1, le=10_000)
    per_second: float = Field(default=10, ge=0, le=1000)
    contacts: bool = True
    active_only: bool = True
    extra_fields: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,60}(\.[A-Za-z0-9]{1,60})?$")], ...] = Field(
        default=(), max_length=200
    )
    without: tuple[Annotated[str, Field(max_length=100)], ...] = Field(default=(), max_length=500)
    external_ids: bool = True


class NewSftpSettings(SftpSettings):
    __doc__ = SftpSettings.__doc__

    host: NewHost


class NewOneRosterSettings(OneRosterSettings):
    __doc__ = OneRosterSettings.__doc__

    base_url: NewHttpAddress
    token_url: NewHttpAddress


class NewPowerSchoolSettings(PowerSchoolSettings):
    __doc__ = PowerSchoolSettings.__doc__

    base_url: NewHttpAddress


class NewAeriesSettings(AeriesSettings):
    __doc__ = AeriesSettings.__doc__

    base_url: NewHttpAddress


class NewSkywardSettings(SkywardSettings):
    __doc__ = SkywardSettings.__doc__

    base_url: NewHttpAddress


ApiSettings = OneRosterSettings | PowerSchoolSettings | AeriesSettings | SkywardSettings
