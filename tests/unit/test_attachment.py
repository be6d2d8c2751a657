"""Under which name a file is downloaded."""

import pytest

from services.gateway.exports import attachment


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("roster_20261127.csv", "roster_20261127.csv", "roster_20261127.csv"),
        ("Schüler (neu).csv", "Sch_ler (neu).csv", "Sch%C3%BCler%20%28neu%29.csv"),
        ('a"b\\c;\r\nX: y.csv', "a_b_c___X_ y.csv", "a%22b%5Cc%3B%0D%0AX%3A%20y.csv"),
    ],
)
def test_a_file_has_its_name_and_one_that_any_client_takes(name: str, plain: str, whole: str) -> None:
    assert attachment(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
