"""What a connection is of its kind: where it reads and writes, what it logs in with, and what time it is there."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.model.connection import Connection, Schedule
from shared.model.errors import BadSettings
from shared.model.export_rules import ExportRules, SchoolStart
from shared.model.kind import Kind
from shared.model.kind_settings import OneRosterSettings
from shared.model.login import CertificateSecrets, ClientSecrets, SftpSecrets, login_of, read_login
from shared.model.run import Selection
from shared.model.zone import zones
from tests.integration.enroll_runs import make_connection

SIS = {"base_url": "https://sis.example.org"}
SETTINGS: dict[Kind, dict[str, Any]] = {
    Kind.ONEROSTER: {"oneroster": {**SIS, "token_url": "https://sis.example.org/token"}},
    Kind.POWERSCHOOL: {"powerschool": {**SIS, "extension_fields": ["u_bus.stop"]}},
    Kind.AERIES: {"aeries": SIS},
    Kind.SKYWARD: {"skyward": SIS},
}
LOGINS: dict[type, dict[str, str]] = {
    SftpSecrets: {"password": "p"},
    CertificateSecrets: {"certificate": "c" * 32},
    ClientSecrets: {"client_id": "i", "client_secret": "s"},
}
APIS = sorted(SETTINGS)


def connection(kind: Kind, **more: Any) -> Connection:
    return Connection.model_validate({**dict(make_connection(kind=kind)), **SETTINGS.get(kind, {}), **more})


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_reads_from_one_place_and_takes_one_login(kind: Kind) -> None:
    one = connection(kind)
    assert one.pulls_from == {Kind.AD_HOC: None, Kind.SFTP: "sftp"}.get(kind, "api")
    assert (one.api is not None) == (kind in SETTINGS)
    assert one.writes_to_sis == (kind in SETTINGS and kind is not Kind.ONEROSTER)
    assert one.login is login_of(kind)
    assert read_login(kind, LOGINS[one.login]) == one.login.model_validate(LOGINS[one.login])


@pytest.mark.parametrize("kind", APIS)
def test_settings_of_another_kind_are_not_its_own(kind: Kind) -> None:
    others = {name: value for other in APIS if other is not kind for name, value in SETTINGS[other].items()}
    assert make_connection(kind=kind).api is None
    assert Connection.model_validate({**dict(make_connection(kind=kind)), **others}).api is None


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("given", [None, "x", {"token": ""}, {"password": "p", "client_id": "i"}, {"token": "t"}])
def test_a_login_that_is_none_is_told_of_its_own_kind_alone(kind: Kind, given: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        read_login(kind, given)
    assert refused.value.title == login_of(kind).__name__


@pytest.mark.parametrize("kind", Kind)
def test_a_whole_login_of_another_kind_is_read_to_be_refused_as_such(kind: Kind) -> None:
    for login, whole in LOGINS.items():
        assert type(read_login(kind, whole)) is login


@pytest.mark.parametrize(
    ("changed", "school", "at_once"),
    [
        ({}, "100", True),
        ({}, "", True),
        ({"schools": ("100", "200")}, "100", True),
        ({"schools": ("100",)}, "", True),
        ({"schools": ("200",)}, "100", False),
        ({"enable_export": False}, "100", False),
        ({"export_enabled_by": ""}, "100", False),
        ({"instance": "sandbox"}, "100", False),
    ],
)
def test_which_registrations_go_out_at_once(changed: dict[str, Any], school: str, at_once: bool) -> None:
    armed = {"enable_export": True, "export_enabled_by": "u-1"}
    assert connection(Kind.AERIES, **armed | changed).exports_at_once(school) is at_once
    assert not connection(Kind.ONEROSTER, **armed | changed).exports_at_once(school)
    assert not connection(Kind.SFTP, **armed | changed).exports_at_once(school)


@pytest.mark.parametrize("kind", Kind)
def test_out_of_the_sandbox_nothing_is_exported_into_a_place_that_nobody_has_allowed(kind: Kind) -> None:
    sftp = {"host": "sftp.example.org", "user": "d"}
    known = {"sftp": sftp} if kind is Kind.SFTP else {}
    place = connection(kind, **known).exports_into
    assert bool(place) == (kind in (Kind.SFTP, Kind.POWERSCHOOL, Kind.AERIES, Kind.SKYWARD))
    assert connection(kind, **known).may_export
    one = connection(kind, **known, instance="sandbox")
    assert one.may_export is not bool(place)
    assert one.model_copy(update={"sandbox_exports_into": place}).may_export
    if place:
        with pytest.raises(BadSettings, match="nobody has said"):
            one.check_export()
        assert not one.model_copy(update={"sandbox_exports_into": place + "2"}).may_export


@pytest.mark.parametrize(
    "changed", [{"port": 2222}, {"user": "e"}, {"export_folder": "live"}, {"host": "ftp.example.org"}]
)
def test_what_was_allowed_for_one_folder_is_not_for_another(changed: dict[str, Any]) -> None:
    sftp = {"host": "sftp.example.org", "user": "d"}
    allowed = connection(Kind.SFTP, sftp=sftp).exports_into
    about = {"instance": "sandbox", "sandbox_exports_into": allowed}
    assert connection(Kind.SFTP, sftp=sftp, **about).may_export
    assert not connection(Kind.SFTP, sftp=sftp | changed, **about).may_export


def test_custom_fields_are_powerschools_alone() -> None:
    theirs = SETTINGS[Kind.POWERSCHOOL]
    assert "u_bus.stop" in connection(Kind.POWERSCHOOL).export_catalog.fields
    assert "u_bus.stop" not in connection(Kind.AERIES, **theirs).export_catalog.fields
    assert connection(Kind.POWERSCHOOL, powerschool=None).export_catalog.fields


@pytest.mark.parametrize(("version", "place"), [("1.1", "v1p1"), ("1.2", "v1p2")])
def test_oneroster_asks_to_read_by_the_scopes_of_its_version(version: str, place: str) -> None:
    given = {**SETTINGS[Kind.ONEROSTER]["oneroster"], "version": version}
    scopes = OneRosterSettings.model_validate(given).scopes.split()
    assert len(scopes) == 2
    assert all(f"/{place}/" in one and one.endswith(".readonly") for one in scopes)
    assert OneRosterSettings.model_validate({**given, "scope": "mine"}).scopes == "mine"


@pytest.mark.parametrize("which", ["schedule", "export_schedule"])
def test_the_districts_time_is_its_own_zones_then_its_schedules(which: str) -> None:
    planned = Schedule(school_year=2026, time="02:00", zone="Pacific/Auckland")
    for about, zone in (
        ({}, "UTC"),
        ({which: planned}, "Pacific/Auckland"),
        ({which: planned, "time_zone": "America/Denver"}, "America/Denver"),
    ):
        now = connection(Kind.AD_HOC, **about).clock()
        assert str(now.tzinfo) == zone
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_zone_is_one_that_there_is() -> None:
    assert {"UTC", "America/Denver"} <= zones()
    for typed in ("America/Denver", " america/denver ", "AMERICA/DENVER"):
        assert Schedule(school_year=2026, time="02:00", zone=typed).zone == "America/Denver"
    for typed, told in (("Mars/Olympus", "no time zone of this name"), ("", "Fill in"), ("  ", "Fill in")):
        with pytest.raises(ValidationError, match=told):
            Schedule(school_year=2026, time="02:00", zone=typed)


@given(st.dates(), st.dates(), st.sampled_from(["100", "200", ""]))
def test_nobody_enters_before_school_starts_nor_in_the_past(start: date, today: date, school: str) -> None:
    early = date(1, 1, 1).isoformat()
    rules = ExportRules(start_date=start.isoformat(), school_starts=(SchoolStart(school="200", date=early),))
    entered = rules.entry_date(school, today)
    assert entered == (today if school == "200" or today > start else start)
    assert ExportRules().entry_date(school, today) == today


@pytest.mark.parametrize("part", [{"pending": True}, {"test": True}, {"student": "7"}, {"schools": ("100",)}])
def test_a_part_is_not_everything(part: dict[str, Any]) -> None:
    assert Selection().everything
    assert not Selection(**part).everything
