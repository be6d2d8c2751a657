"""The logins of connections: they go in and never come out."""

from contextlib import suppress
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.model.kind import Kind


class SftpSecrets(BaseModel):
    """Goes in and never comes out: kept encrypted (`shared.security.secrets`). One of the two is needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: str = Field(default="", max_length=1000)
    private_key: str = Field(default="", max_length=20_000)
    passphrase: str = Field(default="", max_length=1000)


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
