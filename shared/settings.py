"""Every option of every process, read from the environment (prefix `SYNC_`). README's table is made from here."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.contracts.topology import DEFAULT_RETRY_DELAYS, Topology


def same_site(one: str, other: str) -> bool:
    """Whether two addresses are of the same place, however they are written."""

    def place(address: str) -> tuple[object, ...]:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.hostname, port, parts.path.rstrip("/"))

    return place(one) == place(other)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SYNC_", extra="ignore", frozen=True)

    amqp_url: str = Field("amqp://localhost:5672/", description="Address of RabbitMQ, 3.10 or later.")
    mongo_url: str = Field("mongodb://localhost:27017/", description="Address of MongoDB.")
    mongo_database: str = Field("sync_service", description="Database name.")
    broker_prefix: str = Field("", description="Put before every exchange and queue name, to share a broker.")
    retry_delays: tuple[float, ...] = Field(
        DEFAULT_RETRY_DELAYS, description="Seconds before each further attempt, shortest first (JSON list)."
    )
    enroll_url: str = Field("http://localhost:8090", description="Base address of Enroll's API.")
    enroll_token: str = Field("", description="Service token for Enroll's API.")
    enroll_site_url: str = Field(
        "", description="Address of Enroll as people's browsers reach it; SYNC_ENROLL_URL if unset."
    )
    enroll_sandbox_url: str = Field(
        "", description="Base address of the API of Enroll's sandbox; without it no connection can be of the sandbox."
    )
    enroll_sandbox_token: str = Field("", description="Service token for the API of Enroll's sandbox.")
    session_idle_minutes: float = Field(
        30, gt=0, description="How long somebody stays signed in without doing anything."
    )
    session_hours: float = Field(12, gt=0, description="How long somebody stays signed in at the longest.")
    draft_hours: float = Field(168, gt=0, description="How long a mapping that nobody has saved is kept.")
    example_hours: float = Field(
        12, gt=0, description="How long the rows of a file are kept that a mapping is tried on."
    )
    secret_keys: tuple[str, ...] = Field(
        (), description="Fernet keys for credentials at rest (JSON list); the first encrypts, all decrypt."
    )
    host: str = Field("127.0.0.1", description="Address the HTTP port listens on.")
    port: int = Field(0, description="HTTP port (health, metrics; the gateway's API). 0 takes a free one.")
    announce: Path | None = Field(None, description="File to write the port taken to, as JSON, once ready.")
    log_level: str = Field("INFO", description="Lowest level logged.")
    interactive_hands: int = Field(
        6, ge=1, description="Messages of the interactive lane worked on at once, and as many approvals."
    )
    bulk_hands: int = Field(6, ge=1, description="Messages of the bulk lane worked on at once.")
    organization_hands: int = Field(
        2, ge=1, description="Of these, those of one organization, so that nobody waits behind a slow SIS of others."
    )
    lease_seconds: float = Field(30, gt=0, description="How long a dead worker's slice stays reserved.")
    grace_seconds: float = Field(8, gt=0, description="How long work in hand may take after SIGTERM.")
    sweep_seconds: float = Field(5, gt=0, description="How often announcements left by a crash are looked for.")
    slice_rows: int = Field(4000, ge=1, description="Rows a slice aims at.")
    window: int = Field(8, ge=1, description="Slices of one run that may be under way at once.")
    spool_dir: Path | None = Field(
        None, description="Where files are spooled while read; the system's default if unset."
    )
    max_upload_mb: int = Field(1024, ge=1, description="Largest file taken, in MiB.")
    max_cell_chars: int = Field(65_536, ge=1, description="Longest value of one cell, in characters.")
    contact_email: str = Field(
        "sync-service@example.org", description="Whom a district asks about the PowerSchool plugin; stands in it."
    )
    permission_cache_seconds: float = Field(10, ge=0, description="How long Enroll's answer about a user is kept.")
    schedule_poll_seconds: float = Field(5, gt=0, description="How often the scheduler looks for due schedules.")
    allow_private_addresses: bool = Field(
        False, description="Let connections reach private and loopback addresses (local stacks only)."
    )

    @model_validator(mode="after")
    def _two_sites(self) -> Self:
        if self.enroll_sandbox_url and same_site(self.enroll_sandbox_url, self.enroll_url):
            raise ValueError("SYNC_ENROLL_SANDBOX_URL is the site of SYNC_ENROLL_URL: a sandbox would write into it.")
        return self

    @property
    def enroll_site(self) -> str:
        return (self.enroll_site_url or self.enroll_url).rstrip("/")

    def topology(self) -> Topology:
        return Topology(self.broker_prefix, tuple(sorted(self.retry_delays)))
