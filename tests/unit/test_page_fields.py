"""The fields of a form: what is read from what was sent, what comes back, and what is said about it."""

from typing import Any

import pytest
from starlette.datastructures import FormData, UploadFile

from services.gateway.connection_change import ConnectionChange, laid_over
from services.gateway.connections import NewConnection
from services.gateway.pages.connection_fields import ABOUT, LIMITS, LOGINS, SETTINGS, defaults, settings_of
from services.gateway.pages.export_rules import RULES, from_typed, rules_of, to_typed
from services.gateway.pages.fields import Field, Form, overlaid
from services.gateway.pages.words import KINDS
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadSettings, Conflict, NotFound, Refused
from shared.model.export_rules import ExportRules
from shared.model.kind import Kind
from shared.model.login import SftpSecrets, login_of
from tests.integration.enroll_runs import make_connection

ADDRESSES: dict[Kind, dict[str, Any]] = {
    Kind.SFTP: {"host": "h", "user": "u"},
    Kind.POWERSCHOOL: {"base_url": "https://ps.example.org"},
    Kind.AERIES: {"base_url": "https://aeries.example.org"},
    Kind.SKYWARD: {"base_url": "https://skyward.example.org"},
    Kind.ONEROSTER: {"base_url": "https://or.example.org", "token_url": "https://or.example.org/token"},
}


STARTS = "exports.school_starts"


def sent(*pairs: tuple[str, str], **fields: str) -> FormData:
    return FormData([*pairs, *fields.items()])


def again(form: Form) -> FormData:
    """What a browser sends for a form as it stands on the page."""
    pairs: list[tuple[str, str | UploadFile]] = []
    for one in form.fields:
        typed = form.typed[one.name]
        if one.shape == "many":
            pairs += [(one.name, value) for value in typed]
        elif one.shape == "switch":
            pairs += [(one.name, "1")] if typed else []
        else:
            pairs.append((one.name, str(typed).replace("\n", "\r\n")))
    return FormData(pairs)


def connection(kind: Kind, **more: Any) -> Connection:
    place = {} if kind is Kind.AD_HOC else {kind.value: ADDRESSES[kind]}
    return Connection.model_validate({**make_connection().model_dump(), "kind": kind, "sftp": None, **place, **more})


@pytest.mark.parametrize("kind", list(Kind))
def test_a_form_that_is_sent_as_it_came_changes_nothing(kind: Kind) -> None:
    held = connection(kind, time_zone="America/Denver", roster="some")
    for fields in (settings_of(held), LIMITS):
        form = Form.read(fields, again(Form.of(fields, held.model_dump())))
        change = form.build(ConnectionChange, form.nested())
        assert change is not None, form.wrong
        for name, value in laid_over(held, change).items():
            assert value == held.model_dump()[name]


@pytest.mark.parametrize("kind", [one for one in Kind if SETTINGS[one]])
def test_a_new_connection_has_the_defaults_of_its_kind(kind: Kind) -> None:
    place = kind.value
    form = Form.of(SETTINGS[kind], {place: {**defaults(kind)[place], **ADDRESSES[kind]}})
    values = overlaid(defaults(kind), Form.read(SETTINGS[kind], again(form)).nested())
    new = form.build(NewConnection, {"name": "N", "kind": kind.value, **values})
    assert new is not None, form.wrong
    assert getattr(new, place).model_dump() == getattr(connection(kind), place).model_dump()


def test_every_kind_has_its_words_and_its_fields() -> None:
    assert set(ABOUT) == set(SETTINGS) == set(LOGINS) == set(KINDS) == set(Kind)
    for kind in Kind:
        names = [one.name for one in (*SETTINGS[kind], *LOGINS[kind])]
        assert len(set(names)) == len(names)
        known = set(login_of(kind).model_fields)
        assert {name.partition(".")[2] for name in names if name.startswith("secrets.")} <= known
        ids = [one.id for one in (*SETTINGS[kind], *LOGINS[kind])]
        assert len(set(ids)) == len(ids)


def test_problems_stand_beside_their_fields_in_plain_words() -> None:
    form = Form.read(SETTINGS[Kind.SFTP], sent(**{"sftp.port": "99999", "sftp.user": " ", "sftp.pattern": "in/x.csv"}))
    assert form.build(NewConnection, {"name": "N", "kind": "sftp", **form.nested()}) is None
    assert form.wrong == {
        "sftp.host": "Fill this in.",
        "sftp.port": "Use 65535 or less.",
        "sftp.user": "Fill this in.",
        "sftp.pattern": "The pattern is for the file name alone, without folders.",
        "sftp.settle_seconds": "Fill this in.",
    }
    assert form.typed["sftp.port"] == "99999"


@pytest.mark.parametrize(
    ("text", "words"),
    [("x", "Use a number."), ("", "Fill this in."), ("-1", "Use 0 or more."), ("101", "Use 100 or less.")],
)
def test_a_number_that_is_none(text: str, words: str) -> None:
    form = Form.read(LIMITS, sent(**{"limits.missing_percent": text, "limits.changed_percent": "5"}))
    form.build(ConnectionChange, {"limits": {**form.nested()["limits"], "invalid_percent": 1, "few": 1}})
    assert form.wrong == {"limits.missing_percent": words}


def test_a_problem_of_no_field_is_told_above() -> None:
    form = Form.read((Field("name", "Name"),), sent(name="N"))
    assert form.build(NewConnection, {"name": "N", "kind": "ad_hoc", "nonsense": 1}) is None
    assert (form.wrong, len(form.told)) == ({}, 1)


def test_a_secret_is_read_as_it_is_and_never_shown() -> None:
    fields = LOGINS[Kind.SFTP]
    form = Form.read(fields, sent(**{"secrets.password": " s p ", "secrets.private_key": "a\r\nb\r\n"}))
    secrets = form.build(SftpSecrets, form.nested()["secrets"], "secrets")
    assert secrets is not None
    assert secrets.password == " s p "
    assert all(one.is_secret for kind in Kind for one in LOGINS[kind])
    assert set(Form.of(fields, {"secrets": {"password": "x"}}).typed.values()) == {""}


def test_lines_and_ticks() -> None:
    options = (("b", "B"), ("a", "A"))
    fields = (
        Field("codes", "Codes", "lines"),
        Field("ticks", "Ticks", "many", options=options),
        Field("on", "On", "switch"),
    )
    form = Form.read(fields, sent(("ticks", "a"), ("ticks", "zz"), ("ticks", "b"), codes=" 1 \r\n\r\n2\n1"))
    assert form.nested() == {"codes": ["1", "2"], "ticks": ["b", "a", "zz"], "on": False}
    assert form.typed["codes"] == " 1 \r\n\r\n2\n1"


def test_what_the_api_says_stands_beside_a_field_or_above() -> None:
    form = Form.read((Field("name", "Name"),), sent(name="N"))
    places = {"connection.name_taken": "name", "mapping.none": "gone"}
    form.blame(Conflict(*said("connection.name_taken")), places)
    form.blame(BadSettings(*said("sftp.not_set_up")), places)
    form.blame(NotFound(*said("mapping.none", data_type="students")), places)
    assert list(form.wrong) == ["name"]
    assert [one["code"] for one in form.told] == ["sftp.not_set_up", "mapping.none"]
    for error in (Refused(*said("permission.refused", why="No.")), NotFound(*said("connection.not_found"))):
        with pytest.raises(type(error)):
            form.blame(error, places)


def test_the_last_day_of_school_is_called_needed_where_the_sis_creates_nobody_without() -> None:
    asides = {
        kind: {one.name: one.aside for one in rules_of(connection(kind))}["exports.end_date"]
        for kind in (Kind.POWERSCHOOL, Kind.AERIES, Kind.SKYWARD)
    }
    assert asides == {
        Kind.POWERSCHOOL: "needed for new students",
        Kind.AERIES: "optional",
        Kind.SKYWARD: "optional",
    }


def test_rules_there_and_back() -> None:
    rules = ExportRules.model_validate(
        {
            "match": ["name_and_birth_date", "student_id"],
            "new_students": "pre_enrolled",
            "start_date": "2026-08-10",
            "school_starts": [{"school": "North 1", "date": "2026-08-12"}],
        }
    )
    form = Form.read(RULES, again(Form.of(RULES, to_typed(rules))))
    change = form.build(ConnectionChange, from_typed(form))
    assert change is not None, form.wrong
    assert change.exports is not None
    assert change.exports.model_dump() == rules.model_dump()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"exports.start_date": "10/08/2026"}, {"exports.start_date"}),
        ({"exports.school_starts": "100"}, {"exports.school_starts"}),
        ({"exports.school_starts": "100 2026-02-30"}, {"exports.school_starts"}),
        ({"exports.school_starts": "100 2026-08-12\r\n100 2026-08-17"}, {"exports.school_starts"}),
        ({"exports.start_date": "2026-08-10", "exports.end_date": "2026-05-28"}, {"exports.end_date"}),
        ({"exports.school_starts": "100 2026-08-10", "exports.end_date": "2026-08-10"}, {"exports.end_date"}),
        ({"exports.end_date": "next year"}, {"exports.end_date"}),
        ({"match.2": "student_id"}, {"match.2"}),
        ({"exports.new_students": "nonsense"}, {"exports.new_students"}),
    ],
    ids=str,
)
def test_rules_that_cannot_be(fields: dict[str, str], wrong: set[str]) -> None:
    good = dict(again(Form.of(RULES, to_typed(ExportRules()))).multi_items())
    form = Form.read(RULES, FormData({**good, **fields}))
    form.build(ConnectionChange, from_typed(form))
    assert set(form.wrong) == wrong
    assert not form.told


def test_a_switch_is_on_only_where_it_says_so() -> None:
    agree = (Field("agree", "I agree", "switch"),)
    for fields, on in (({"agree": "1"}, True), ({"agree": ""}, False), ({"agree": "0"}, False), ({}, False)):
        assert Form.read(agree, sent(**fields)).typed["agree"] is on


def test_what_is_none_of_the_choices_is_refused() -> None:
    fields = tuple(Field(name, name, "menu", options=(("a", "A"),)) for name in ("x", "y", "z", "other"))
    form = Form.read(fields, sent(x="a", y="zzz", z="", other="zzz"))
    form.refuse_strays(("x", "y", "z"))
    assert form.wrong == {"y": "Choose one of these."}


def test_a_school_that_starts_on_two_days_is_named() -> None:
    days = "100 2026-08-12\r\n200 2026-08-12\r\n100 2026-08-17"
    form = Form.read(RULES, sent(**{"match.1": "student_id", "exports.new_students": "active"} | {STARTS: days}))
    assert form.build(ConnectionChange, from_typed(form)) is None
    assert form.wrong == {STARTS: "A school has one first day. There more than once: 100."}
