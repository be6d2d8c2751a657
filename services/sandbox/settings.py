"""Options of the sandbox alone, read from the environment (prefix `SANDBOX_`)."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.sandbox.world import OrganizationSpec


class SandboxSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SANDBOX_", extra="ignore", frozen=True)

    service_token: str = Field("", description="Service token to accept; SYNC_ENROLL_TOKEN if unset.")
    base_url: str = Field("", description="Issuer of tokens; the address a caller used if unset.")
    sync_url: str = Field("", description="Where browsers reach the dashboard of Sync Service.")
    organizations: Mapping[str, OrganizationSpec] = Field(
        default_factory=dict, description="Organizations to start with, by id (JSON)."
    )
    tls_port: int = Field(0, description="HTTPS port besides the HTTP one; none without a certificate. 0: a free one.")
    tls_certificate: Path | None = Field(None, description="Certificate file (PEM), for clients that know only https.")
    tls_key: Path | None = Field(None, description="File of its private key, where it is not in the same file.")
    sftp_folder: Path | None = Field(None, description="Folder to serve by SFTP; no SFTP server if unset.")
    sftp_port: int = Field(0, description="SFTP port. 0 takes a free one.")
    sftp_user: str = Field("district", description="Who may log in by SFTP.")
    sftp_password: str = Field("", description="Their password; no login by password if unset.")
    sftp_authorized_key: str = Field("", description="Their OpenSSH public key line; no login by key if unset.")
    sftp_host_key: Path | None = Field(None, description="Private host key file; a fresh key if unset.")
