"""A connection: one configured link to a SIS or file store."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.model.catalog import Catalog, catalog, export_catalog, sis_catalog
from shared.model.error_texts import said
from shared.model.errors import BadSettings
from shared.model.export_rules import ExportRules
from shared.model.kind import Kind
from shared.model.kind_settings import (
    AeriesSettings,
    ApiSettings,
    OneRosterSettings,
    PowerSchoolSettings,
    SftpSettings,
    SkywardSettings,
)
from shared.model.login import Secrets, login_of
from shared.model.school_code import SchoolCode
from shared.model.zone import Zone, zone_of

Instance = Literal["sandbox", "production"]
Name = Annotated[str, Field(min_length=1, max_length=100)]


def _on_one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("Use a name on one line, of characters that can be seen.")
    return name


NewName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_on_one_line)
]
"""A name as it may be given today: it is what a link reads."""


Percent = Annotated[float, Field(ge=0, le=100)]


class SafetyLimits(BaseModel):
    """A run that would go past one of these stops and asks a person before anything is written.

    Percentages are of the records known from earlier runs (`missing`, `changed`; on a first run of the rows read) or of
    the rows read (`invalid`).
    `few` is the number of records below which a percentage says nothing, so that small files are not stopped.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    missing_percent: Percent = 10
    changed_percent: Percent = 50
    invalid_percent: Percent = 10
    few: int = Field(default=5, ge=0, le=1000)


class Schedule(BaseModel):
    """Daily at a local time in an IANA zone. Runs under the authority of `enabled_by`, from `enabled_at` on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_type: str = "students"
    school_year: int = Field(ge=2000, le=2100)
    time: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")
    zone: Zone
    enabled_by: str = ""
    enabled_at: datetime | None = None


class Connection(BaseModel):
    """A connection as stored, without its secrets.

    `instance` is the Enroll it belongs to: it reads and writes that one, and never changes over to the other.
    `time_zone` is the district's own (IANA); without it the schedule's counts, else UTC.
    `roster` says whether a file holds everyone ("full": a student who is absent is missing) or only some ("some").
    `schedule` is that of the imports. Exports by events run under the authority of `export_enabled_by`. `schools` are
    the codes of the schools assigned to it; all where it is empty. `credentials_id` names the credentials that are
    stored beside it: others have another one. `sandbox_exports_into` is the place (`exports_into`) into which somebody
    has said that what stands in Enroll's sandbox may be written; for any other place nobody has. Of one that was
    deleted only what names it is known, and who did it when.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    org: str
    name: Name
    kind: Kind
    instance: Instance = "production"
    enable_import: bool = False
    enable_export: bool = False
    roster: Literal["full", "some"] = "full"
    limits: SafetyLimits = SafetyLimits()
    schools: tuple[SchoolCode, ...] = ()
    exports: ExportRules = ExportRules()
    sftp: SftpSettings | None = None
    oneroster: OneRosterSettings | None = None
    powerschool: PowerSchoolSettings | None = None
    aeries: AeriesSettings | None = None
    skyward: SkywardSettings | None = None
    time_zone: str = ""
    schedule: Schedule | None = None
    export_schedule: Schedule | None = None
    export_enabled_by: str = ""
    sandbox_exports_into: str = ""
    credentials_id: str = Field(default="", exclude=True)
    created_at: datetime
    created_by: str
    deleted_at: datetime | None = Field(default=None, exclude=True)
    deleted_by: str = Field(default="", exclude=True)

    @property
    def pulls_from(self) -> Literal["sftp", "api"] | None:
        """Where an import fetches its records by itself; None where they have to be uploaded."""
        if self.kind is Kind.AD_HOC:
            return None
        return "sftp" if self.kind is Kind.SFTP else "api"

    @property
    def api(self) -> ApiSettings | None:
        """The settings of its SIS; None where it has none, or they are missing."""
        match self.kind:
            case Kind.ONEROSTER:
                return self.oneroster
            case Kind.POWERSCHOOL:
                return self.powerschool
            case Kind.AERIES:
                return self.aeries
            case Kind.SKYWARD:
                return self.skyward
            case _:
                return None

    @property
    def writes_to_sis(self) -> bool:
        """Whether an export goes into the SIS itself. OneRoster has no way to write students."""
        return self.pulls_from == "api" and self.kind is not Kind.ONEROSTER

    @property
    def host(self) -> str:
        """The server that it reads or writes for real; blank where there is none."""
        if self.kind is Kind.SFTP:
            return self.sftp.host if self.sftp else ""
        return urlsplit(self.api.base_url).netloc if self.api else ""

    @property
    def exports_into(self) -> str:
        """The very place that its exports are written into; blank where files are kept for download, or it is read
        only."""
        if self.kind is Kind.SFTP and self.sftp:
            return f"sftp://{self.sftp.user}@{self.sftp.host}:{self.sftp.port}/{self.sftp.export_folder}"
        return self.api.base_url if self.writes_to_sis and self.api else ""

    @property
    def may_export(self) -> bool:
        """Whether what it exports may be written there: out of Enroll's sandbox only once somebody has said so."""
        return self.instance == "production" or self.exports_into in ("", self.sandbox_exports_into)

    def check_export(self) -> None:
        """Raises BadSettings unless `may_export`."""
        if not self.may_export:
            raise BadSettings(*said("sandbox.exports_not_allowed", host=self.host))

    @property
    def hears_of_approvals(self) -> bool:
        """Whether Enable Export sends registrations into the SIS as soon as they are approved: those of production."""
        return self.writes_to_sis and self.instance == "production"

    @property
    def sends_approved(self) -> bool:
        """Whether registrations go into the SIS as soon as they are approved."""
        return self.enable_export and self.hears_of_approvals and bool(self.export_enabled_by)

    def exports_at_once(self, school_code: str) -> bool:
        """Whether a registration at this school goes into the SIS as soon as it is approved, in Enroll's production."""
        return self.sends_approved and (not self.schools or not school_code or school_code in self.schools)

    @property
    def export_catalog(self) -> Catalog:
        """What an export may write into its SIS."""
        custom = self.powerschool.extension_fields if self.kind is Kind.POWERSCHOOL and self.powerschool else ()
        return sis_catalog(self.kind.value, custom)

    def catalog_of(self, direction: Literal["import", "export"], data_type: str) -> Catalog:
        """The fields that its runs fill: Enroll's, those of its SIS, or what its files may carry.

        Raises:
            BadMapping: there is no such data type.
        """
        if direction == "import":
            return catalog(data_type)
        return self.export_catalog if self.writes_to_sis else export_catalog(data_type)

    @property
    def login(self) -> type[Secrets]:
        """The kind of credentials it takes."""
        return login_of(self.kind)

    @property
    def zone(self) -> str:
        """The time zone of the district."""
        return zone_of(self.time_zone, *(one.zone for one in (self.schedule, self.export_schedule) if one))

    def clock(self) -> datetime:
        """The time it is where the district is."""
        return datetime.now(ZoneInfo(self.zone))
