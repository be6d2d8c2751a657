"""A connection: one configured link to a SIS or file store."""

from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from shared.model.address import HttpAddress, NewHost, NewHttpAddress
from shared.model.catalog import Catalog, catalog, export_catalog, sis_catalog
from shared.model.error_texts import said
from shared.model.errors import BadSettings
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


ExtensionField = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,60}\.[A-Za-z0-9_]{1,60}$")]
SchoolCode = Annotated[str, Field(min_length=1, max_length=20)]


def _day(day: str) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise ValueError("Use a day such as 2026-08-10.") from None


Day = Annotated[str, AfterValidator(_day)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Kind(StrEnum):
    AD_HOC = "ad_hoc"
    SFTP = "sftp"
    ONEROSTER = "oneroster"
    POWERSCHOOL = "powerschool"
    AERIES = "aeries"
    SKYWARD = "skyward"


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


class SftpSecrets(BaseModel):
    """Goes in and never comes out: kept encrypted (`shared.security.secrets`). One of the two is needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: str = Field(default="", max_length=1000)
    private_key: str = Field(default="", max_length=20_000)
    passphrase: str = Field(default="", max_length=1000)


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


MatchBy = Literal["student_id", "state_id", "name_and_birth_date"]


class SchoolStart(BaseModel):
    """The day a school begins, where it is not that of the district; `school` is its code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    school: SchoolCode
    date: Day


class ExportRules(BaseModel):
    """How registrations become students of the SIS.

    `match`: by what a student who is there already is found, in this order; the first that finds one decides.
    A new student enters on the day the school starts (`start_date`, or that of their school in `school_starts`), and
    once that is past on the day of the export; `end_date` is the last day of the school year.
    `new_students` are pre-enrolled (before the SIS rolls over) or active.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: tuple[MatchBy, ...] = Field(default=("student_id", "state_id", "name_and_birth_date"), min_length=1)
    new_students: Literal["pre_enrolled", "active"] = "active"
    start_date: Day | Literal[""] = ""
    school_starts: tuple[SchoolStart, ...] = Field(default=(), max_length=2000)
    end_date: Day | Literal[""] = ""

    def entry_date(self, school_code: str, today: date) -> date:
        """The school's start date if today is on or before it, else today."""
        start = next((one.date for one in self.school_starts if one.school == school_code), self.start_date)
        return max(date.fromisoformat(start), today) if start else today


class NewExportRules(ExportRules):
    """Rules as they may be given today: a school year ends after it began."""

    @field_validator("end_date")
    @classmethod
    def _after_every_start(cls, end: str, given: ValidationInfo) -> str:
        starts = [given.data.get("start_date", ""), *(one.date for one in given.data.get("school_starts", ()))]
        if end and end <= max(starts):
            raise ValueError(f"The last day of school has to be after the first, which is {max(starts)}.")
        return end


class CertificateSecrets(BaseModel):
    """The certificate of Aeries. Goes in and never comes out: kept encrypted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: str = Field(min_length=1, max_length=500, pattern=r"^[!-~]+$")


class ClientSecrets(BaseModel):
    """The login of an API. Goes in and never comes out: kept encrypted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, max_length=500)
    client_secret: str = Field(min_length=1, max_length=2000)


Secrets = SftpSecrets | ClientSecrets | CertificateSecrets


def login_of(kind: Kind) -> type[Secrets]:
    """The kind of credentials that a connection of this kind takes."""
    if kind is Kind.AERIES:
        return CertificateSecrets
    return SftpSecrets if kind in (Kind.AD_HOC, Kind.SFTP) else ClientSecrets


def read_login(kind: Kind, given: Any) -> Secrets:
    """The credentials of this kind of connection; those of another where they are whole, to be refused as such.

    Raises ValidationError, which is about this kind alone.
    """
    try:
        return login_of(kind).model_validate(given)
    except ValidationError:
        for other in get_args(Secrets):
            with suppress(ValidationError):
                if given:
                    return cast("Secrets", other.model_validate(given))
        raise


ApiSettings = OneRosterSettings | PowerSchoolSettings | AeriesSettings | SkywardSettings


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
