"""What may be given as the host of a connection, alone or in an address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.model.address import is_host
from shared.model.kind_settings import (
    NewAeriesSettings,
    NewOneRosterSettings,
    NewPowerSchoolSettings,
    NewSftpSettings,
    NewSkywardSettings,
    SftpSettings,
)

GOOD = (
    "sftp",
    "sftp.district.org",
    "sftp.district.org.",
    "a_b.example",
    "x-1.example",
    "schule-münchen.example",
    "北.example",
)
ADDRESSES = ("10.0.0.1", "192.0.2.7", "::1", "[::1]", "2001:db8::7", "[2001:db8::7]")
BAD: tuple[str, ...] = (
    "",
    " ",
    "a b;rm",
    "a;b",
    "a|b",
    "$(x)",
    "a/b",
    "a@b",
    "h:22",
    "-a.example",
    "a-.example",
    ".a",
    "a..b",
    "10.0.0.999",
)
BAD += ("a" * 64 + ".example", ".".join(["a" * 50] * 5), "a\nb", "a\0b", "[::1", "::1]", "<b>", "a'b", 'a"b', "a%41")
SETTINGS: tuple[tuple[type[BaseModel], tuple[str, ...]], ...] = (
    (NewPowerSchoolSettings, ("base_url",)),
    (NewAeriesSettings, ("base_url",)),
    (NewSkywardSettings, ("base_url",)),
    (NewOneRosterSettings, ("base_url", "token_url")),
)


@pytest.mark.parametrize("host", [*GOOD, *ADDRESSES])
def test_host_names_and_addresses_are_taken(host: str) -> None:
    assert is_host(host)
    assert NewSftpSettings(host=host, user="u").host == host


@pytest.mark.parametrize("host", BAD)
def test_anything_else_is_not_and_that_is_said_plainly(host: str) -> None:
    assert not is_host(host)
    with pytest.raises(ValidationError) as told:
        NewSftpSettings(host=host, user="u")
    assert not host or "Use a host name such as sftp.district.org" in str(told.value)


@given(st.text(max_size=300))
def test_any_text_is_one_or_is_not(text: str) -> None:
    if is_host(text):
        assert not set(text) & set(" ;|&$`<>\"'\\/?#@%\n\0")


def test_what_was_kept_before_is_still_read() -> None:
    assert SftpSettings(host="a b;rm", user="u").host == "a b;rm"


@pytest.mark.parametrize(("settings", "names"), SETTINGS, ids=lambda one: getattr(one, "__name__", ""))
def test_addresses_of_a_sis_have_a_host_in_them(settings: type[BaseModel], names: tuple[str, ...]) -> None:
    def made(address: str) -> Any:
        return settings.model_validate(dict.fromkeys(names, address))

    for good in (
        "https://ps.example.org",
        "http://10.0.0.1:8080/api",
        "https://[::1]/x",
        "https://schule-münchen.example/a",
    ):
        assert made(good).base_url == good
    for bad in (
        "https://a b;rm/",
        "https://",
        "https://a..b/x",
        "https://h:99999/",
        "https://h:x/",
        "https://h/a b",
        "https://[x/",
    ):
        with pytest.raises(ValidationError):
            made(bad)
