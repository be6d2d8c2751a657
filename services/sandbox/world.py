"""What the simulated Enroll knows: organizations, people, switches and records."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.sandbox.errors import ApiError
from services.sandbox.faults import Faults
from services.sandbox.idempotency import Answers, Sequences
from services.sandbox.kinds import every_kind
from services.sandbox.registrations import Registrations
from services.sandbox.students import Students
from services.sandbox.tables import Table
from services.sandbox.tokens import Tokens

IDS_PER_ORGANIZATION = 10_000_000
IDS_PER_TABLE = 1_000_000
SchoolYear = Annotated[int, Field(ge=2000, le=2100)]
Users = Mapping[str, tuple[str, ...]]


class OrganizationSpec(BaseModel):
    """An organization as a test or a demo asks for it.

    `users` maps a user id to permission names, `names` to what the person is called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    current_school_year: SchoolYear = 2026
    sync_import_years: tuple[SchoolYear, ...] = (2026,)
    registration_module: bool = True
    name: str = ""
    users: Users = Field(default_factory=dict)
    names: Mapping[str, str] = Field(default_factory=dict)
    school_groups: tuple[int, ...] = (1,)
    school_levels: tuple[int, ...] = (1, 2, 3)
    program_categories: tuple[int, ...] = (1, 2, 3)
    user_groups: tuple[int, ...] = (1, 2, 3)
    grades: tuple[int, ...] = tuple(range(-1, 13))


class OrganizationPatch(BaseModel):
    """Switches to turn; what is left out stays. `users` replaces all users."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current_school_year: SchoolYear | None = None
    sync_import_years: tuple[SchoolYear, ...] | None = None
    registration_module: bool | None = None
    users: Users | None = None


@dataclass(slots=True)
class Counts:
    """What was asked of an organization, and what became of it."""

    created: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    batches: int = 0
    replayed: int = 0
    lookups: int = 0


@dataclass(slots=True)
class Organization:
    """One organization and everything it holds."""

    id: str
    spec: OrganizationSpec
    students: Students
    answers: Answers = field(default_factory=Answers)
    sequences: Sequences = field(default_factory=Sequences)
    counts: Counts = field(default_factory=Counts)
    tables: dict[str, Table] = field(default_factory=dict)
    registrations: Registrations = field(init=False)
    forms: set[int] = field(default_factory=set)
    """Programs that an application form is assigned to."""

    def __post_init__(self) -> None:
        self.registrations = Registrations(self)
        for number, kind in enumerate(every_kind(), 1):
            self.tables[kind.data_type] = Table(kind, self, self.students.first_id + number * IDS_PER_TABLE)

    def stats(self) -> dict[str, int]:
        """Counters that show whether each record was written, and how often."""
        writes = self.students.writes
        return {
            "students": len(self.students),
            **asdict(self.counts),
            "duplicates": self.students.duplicates(),
            "writes": sum(writes),
            "most_writes": max(writes, default=0),
        }


class World:
    """All state of the sandbox. `base_url` is the issuer of its tokens; empty: the address a caller used."""

    def __init__(
        self,
        service_token: str,
        base_url: str = "",
        organizations: Mapping[str, OrganizationSpec] | None = None,
    ) -> None:
        self.service_token = service_token
        self.base_url = base_url.rstrip("/")
        self.tokens = Tokens()
        self.faults = Faults()
        self._first_ids = count(IDS_PER_ORGANIZATION + 1, IDS_PER_ORGANIZATION)
        self._organizations: dict[str, Organization] = {}
        for org, spec in (organizations or {}).items():
            self.put(org, spec)

    def organization(self, org: str) -> Organization:
        """Raises ApiError (404) for an organization that does not exist."""
        found = self._organizations.get(org)
        if found is None:
            raise ApiError(404, "organization_unknown", "There is no such organization.")
        return found

    def organizations(self) -> tuple["Organization", ...]:
        return tuple(self._organizations.values())

    def permissions(self, org: str, user: str) -> tuple[str, ...]:
        """Raises ApiError (404) for a user the organization does not have."""
        held = self.organization(org).spec.users.get(user)
        if held is None:
            raise ApiError(404, "user_unknown", "There is no such user in this organization.")
        return held

    def put(self, org: str, spec: OrganizationSpec) -> Organization:
        """Creates the organization, or replaces it by an empty one. Ids of students are never used again."""
        made = Organization(org, spec, Students(next(self._first_ids)))
        self._organizations[org] = made
        return made

    def patch(self, org: str, patch: OrganizationPatch) -> Organization:
        """Turns switches; students stay."""
        found = self.organization(org)
        changes: dict[str, Any] = {name: getattr(patch, name) for name in patch.model_fields_set}
        found.spec = OrganizationSpec.model_validate(
            found.spec.model_dump() | {name: value for name, value in changes.items() if value is not None}
        )
        return found

    def forget(self, org: str) -> None:
        """Forgets the organization and its students."""
        self.organization(org)
        del self._organizations[org]
