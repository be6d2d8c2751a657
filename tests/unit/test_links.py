"""Links within the documents lead to what there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_leads_somewhere(page: Path) -> None:
    lost = []
    for place, heading in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / place if place else page
        if not target.exists() or (heading and heading not in _headings(target)):
            lost.append(f"{place}#{heading}")
    assert not lost


def test_every_document_is_reached_from_the_readme() -> None:
    told = {place for place, _ in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} <= told


def _headings(page: Path) -> set[str]:
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found}
