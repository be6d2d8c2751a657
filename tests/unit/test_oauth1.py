"""Signatures of OAuth 1, as RFC 5849 has them in its examples."""

import pytest

from services.sandbox.oauth1 import signature

PHOTOS = "kd94hf93k423kf44"


@pytest.mark.parametrize(
    ("method", "url", "own", "token_secret", "wanted"),
    [
        (
            "POST",
            "https://PHOTOS.example.net:443/initiate",
            {"oauth_timestamp": "137131200", "oauth_nonce": "wIjqoS"}
            | {"oauth_callback": "http://printer.example.com/ready"},
            "",
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            "get",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            {"oauth_timestamp": "137131202", "oauth_nonce": "chapoH", "oauth_token": "nnch734d00sl2jdk"}
            | {"file": "vacation.jpg", "size": "original"},
            "pfkkdhi9sl3r4s00",
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
    ],
)
def test_the_examples_of_the_standard(
    method: str, url: str, own: dict[str, str], token_secret: str, wanted: str
) -> None:
    named = {"oauth_consumer_key": "dpf43f3p2l4k3l03", "oauth_signature_method": "HMAC-SHA1"}
    assert signature(method, url, (named | own).items(), PHOTOS, token_secret) == wanted


def test_a_longer_hash_is_another_signature() -> None:
    both = [
        signature("GET", "http://a/", [("oauth_signature_method", f"HMAC-{one}")], "s") for one in ("SHA1", "SHA256")
    ]
    assert [len(one) for one in both] == [28, 44]
