"""What a connection is asked for, by kind and by part."""

from collections.abc import Mapping
from typing import Final

from services.gateway.pages.fields import Field
from shared.model.connection import Connection
from shared.model.kind import Kind

ZONES: Final = "zones"
PACE: Final = "How many calls a second all runs together may make. 0 sets no limit of ours."
CONTACTS: Final = "Read the contacts of each student as well"

ABOUT: Final[Mapping[Kind, str]] = {
    Kind.AD_HOC: "Upload a CSV file, or download one, whenever you need it.",
    Kind.SFTP: "Files in a secure folder that your SIS and Sync Service both reach. Can run daily.",
    Kind.POWERSCHOOL: (
        "Straight to PowerSchool, by its plugin. Can run daily, and send a registration once it is approved."
    ),
    Kind.AERIES: (
        "Straight to Aeries, by an API certificate. Can run daily, and send a registration once it is approved."
    ),
    Kind.SKYWARD: "Straight to Skyward Qmlativ. Can run daily, and send a registration once it is approved.",
    Kind.ONEROSTER: "Any SIS that offers the OneRoster standard. It can be read, and not written.",
}
AGREEMENT: Final = (
    (
        "A connection reads student records of your SIS into Enroll, and may write approved "
        "registrations, with their contacts, into your SIS."
    ),
    (
        "What it reads and writes is kept here for the history: who was changed, from which value to "
        "which, and who asked for it. Credentials are kept encrypted and are never shown again."
    ),
    (
        "Nothing is written by a preview. A run that would change, miss or fail more than the safety "
        "limits allow stops and asks a person first."
    ),
    "You confirm that your district allows these records to be exchanged between its SIS and its Enroll site.",
)
NAME: Final = Field("name", "Name", hint="What you will know it by, such as Nightly roster.", required=True)

SFTP: Final = (
    Field("sftp.host", "Host", hint="Such as sftp.district.org.", required=True),
    Field("sftp.port", "Port", "number", hint="22 unless the server says otherwise.", required=True),
    Field("sftp.user", "User", required=True),
    Field("sftp.import_folder", "Import folder", hint="Where the SIS puts files for Enroll."),
    Field("sftp.archive_folder", "Archive folder", hint="Where a file goes once it was imported."),
    Field("sftp.export_folder", "Export folder", hint="Where files for the SIS are put."),
    Field(
        "sftp.pattern",
        "File name",
        hint="Which files are taken: students*.csv, say. * stands for anything.",
        required=True,
    ),
    Field(
        "sftp.settle_seconds",
        "Seconds a file must be still",
        "number",
        hint=(
            "How long a file must stay the same before it is taken, so that one that is still being "
            "uploaded is left alone."
        ),
        more=True,
    ),
)
SFTP_LOGIN: Final = (
    Field("secrets.password", "Password", "secret", hint="Either a password or a private key."),
    Field(
        "secrets.private_key",
        "Private key",
        "secret_text",
        hint="In OpenSSH or PEM form, with its first and last line.",
    ),
    Field("secrets.passphrase", "Passphrase of the key", "secret", hint="Only if the key has one."),
)
CLIENT_LOGIN: Final = (
    Field("secrets.client_id", "Client ID", required=True),
    Field("secrets.client_secret", "Client Secret", "secret", required=True),
)
AERIES_LOGIN: Final = (
    Field(
        "secrets.certificate",
        "Certificate",
        "secret",
        hint="The API certificate of Aeries: letters and digits.",
        required=True,
        says="Use the certificate as Aeries shows it, without spaces.",
    ),
)
POWERSCHOOL: Final = (
    Field("powerschool.base_url", "Address", hint="Such as https://ps.district.org.", required=True),
    Field("powerschool.contacts", CONTACTS, "switch", hint="One more call for each student."),
    Field(
        "powerschool.statuses",
        "Which students are read",
        "many",
        options=(
            ("A", "Active"),
            ("P", "Pre-registered"),
            ("T", "Transferred out"),
            ("G", "Graduated"),
            ("H", "Historical"),
            ("I", "Inactive"),
        ),
        more=True,
    ),
    Field(
        "powerschool.extension_fields",
        "Custom fields",
        "lines",
        hint="One on each line, as table.field: U_STUDENTS.Bus.",
        says="Write each one as table.field.",
        more=True,
    ),
    Field("powerschool.per_second", "Calls a second", "number", hint=PACE, more=True),
)
AERIES: Final = (
    Field("aeries.base_url", "Address", hint="Such as https://district.asp.aeries.net/aeries.", required=True),
    Field(
        "aeries.database_year",
        "Year",
        "number",
        hint="The year in which the school year begins, such as 2026. Leave blank for the year that Aeries is in.",
    ),
    Field(
        "aeries.address_change",
        "An address that an export writes",
        "one",
        options=(
            ("change", "is a change: the family has moved"),
            ("correction", "is a correction: it was wrong before"),
        ),
    ),
    Field("aeries.contacts", CONTACTS, "switch"),
    Field(
        "aeries.schools",
        "Schools that are read",
        "lines",
        hint="School codes, one on each line. Leave blank for all active schools.",
        says="Use the school codes of Aeries, which are numbers.",
        more=True,
    ),
    Field("aeries.per_second", "Calls a second", "number", hint=PACE, more=True),
)
SKYWARD: Final = (
    Field(
        "skyward.base_url",
        "Address",
        hint="That of its API, such as https://skyward.iscorp.com/DistrictStuAPI.",
        required=True,
    ),
    Field("skyward.entity_id", "Entity", "number", hint="1 is the district; others are schools.", required=True),
    Field("skyward.active_only", "Leave out students who have left", "switch"),
    Field("skyward.contacts", CONTACTS, "switch"),
    Field(
        "skyward.school_year_id",
        "School year",
        "number",
        hint="Skyward's own number of it. Leave blank for the current one.",
        more=True,
    ),
    Field(
        "skyward.extra_fields",
        "More fields of a student",
        "lines",
        hint="One on each line, dotted for a related object: Name.Suffix.",
        says="Write each one as Field or Object.Field.",
        more=True,
    ),
    Field(
        "skyward.without",
        "What the integration may not read",
        "lines",
        hint="Fields or whole objects, one on each line: Student.Name.BirthDate, NameEmail.",
        more=True,
    ),
    Field(
        "skyward.external_ids",
        "New names carry a key of ours",
        "switch",
        hint=(
            "By it a creation that was interrupted is taken up again. Switch off only where the "
            "integration may not write External Unique Identifier."
        ),
        more=True,
    ),
    Field("skyward.per_second", "Calls a second", "number", hint=PACE, more=True),
)
ONEROSTER: Final = (
    Field(
        "oneroster.base_url",
        "Address",
        hint="Up to where the collections begin: https://sis.example/ims/oneroster/v1p1.",
        required=True,
    ),
    Field(
        "oneroster.token_url", "Token address", hint="Where a login is given: https://sis.example/token.", required=True
    ),
    Field("oneroster.version", "Version", "one", options=(("1.1", "OneRoster 1.1"), ("1.2", "OneRoster 1.2"))),
    Field(
        "oneroster.scope",
        "Scopes",
        hint="Leave blank for the standard's own, which read the roster and demographics.",
        more=True,
    ),
    Field("oneroster.per_second", "Calls a second", "number", hint=PACE, more=True),
)
SETTINGS: Final[Mapping[Kind, tuple[Field, ...]]] = {
    Kind.AD_HOC: (),
    Kind.SFTP: SFTP,
    Kind.POWERSCHOOL: POWERSCHOOL,
    Kind.AERIES: AERIES,
    Kind.SKYWARD: SKYWARD,
    Kind.ONEROSTER: ONEROSTER,
}
LOGINS: Final[Mapping[Kind, tuple[Field, ...]]] = {
    Kind.AD_HOC: (),
    Kind.SFTP: SFTP_LOGIN,
    Kind.POWERSCHOOL: CLIENT_LOGIN,
    Kind.AERIES: AERIES_LOGIN,
    Kind.SKYWARD: CLIENT_LOGIN,
    Kind.ONEROSTER: CLIENT_LOGIN,
}
COMMON: Final = (
    NAME,
    Field(
        "time_zone",
        "Time zone",
        hint=(
            "The district's own, such as America/Denver. It decides what Today is. Leave blank to take "
            "that of the schedule."
        ),
        places=ZONES,
    ),
)
ROSTER: Final = Field(
    "roster",
    "A file holds",
    "one",
    hint="Where it holds everybody, a student who is not in it is marked as missing.",
    options=(("full", "everybody"), ("some", "only some of the students")),
)
LIMITS: Final = (
    Field(
        "limits.missing_percent",
        "Missing, in percent",
        "number",
        hint=(
            "Stops a run when more than this share of the known students is not in the source: a file "
            "that was cut short, or a school that was left out."
        ),
        required=True,
    ),
    Field(
        "limits.changed_percent",
        "Changed, in percent",
        "number",
        hint="Stops a run when more than this share would change: a column that was moved, or the wrong year.",
        required=True,
    ),
    Field(
        "limits.invalid_percent",
        "Invalid, in percent",
        "number",
        hint=(
            "Stops a run when more than this share of the rows cannot be used: a file in another form "
            "than the mapping expects. And an undo that would leave more than this share of its records alone."
        ),
        required=True,
    ),
    Field(
        "limits.few",
        "Never stop for fewer than",
        "number",
        hint=(
            "So many records may be missing, changed or invalid whatever the percentage, so that small "
            "files are not stopped for one row."
        ),
        required=True,
    ),
)


def settings_of(connection: Connection) -> tuple[Field, ...]:
    """What can be edited of it under Settings."""
    reads_files = connection.kind in (Kind.AD_HOC, Kind.SFTP)
    return (*COMMON, *((ROSTER,) if reads_files else ()), *SETTINGS[connection.kind])


def defaults(kind: Kind) -> dict[str, dict[str, object]]:
    """What stands in the form of a new connection of this kind."""
    place = SETTINGS[kind][0].name.partition(".")[0] if SETTINGS[kind] else ""
    if not place:
        return {}
    model = Connection.model_fields[place].annotation
    settings = next(one for one in getattr(model, "__args__", ()) if hasattr(one, "model_fields"))
    return {place: {name: one.get_default() for name, one in settings.model_fields.items() if not one.is_required()}}
