"""Where a form that was not sent leads back to: the page on which it stood, and never elsewhere."""

import pytest
from fastapi import Request

from services.gateway.pages.unsent import _opened_at

HERE = "sync.example.org"


@pytest.mark.parametrize(
    ("referer", "place"),
    [
        (f"https://{HERE}/connections/con_1/run?said=saved", "/connections/con_1/run?said=saved"),
        (f"https://{HERE}/", "/"),
        (f"https://{HERE}//evil.example/x", "/"),
        (f"https://{HERE}/\\evil.example", "/"),
        ("https://evil.example/connections", "/"),
        (f"https://evil.example/@{HERE}/x", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_it_leads_to_a_page_of_ours(referer: str, place: str) -> None:
    headers = [(b"host", HERE.encode()), (b"referer", referer.encode())]
    assert _opened_at(Request({"type": "http", "headers": headers})) == place
