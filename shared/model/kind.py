"""The kinds of connections."""

from enum import StrEnum


class Kind(StrEnum):
    AD_HOC = "ad_hoc"
    SFTP = "sftp"
    ONEROSTER = "oneroster"
    POWERSCHOOL = "powerschool"
    AERIES = "aeries"
    SKYWARD = "skyward"
