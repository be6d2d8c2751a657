"""Writes docs/errors.md from the catalog of error texts: `python -m devtools.errors_page`."""

import re
from itertools import groupby
from pathlib import Path

from shared.model.error_texts import every_text

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
HEAD = """# Errors

Every error that people may read, by its code. Made by `make docs` from `shared/model/error_texts.toml`; words in
*italics* are filled in where the error arises. Codes that begin with `enroll.` and are not listed come from Enroll
itself, `http.` and a number from the web server.
"""


def page() -> str:
    parts = [HEAD]
    for group, codes in groupby(sorted(every_text()), key=lambda code: code.partition(".")[0]):
        parts.append(f"\n## {group}\n\n| code | message | cause | what to do |\n|---|---|---|---|\n")
        parts += [_row(code) for code in codes]
    return "".join(parts)


def _row(code: str) -> str:
    text = every_text()[code]
    asked = f" On a page, or in the API: {text.asked}" if text.asked else ""
    return f"| `{code}` | {_shown(text.message)} | {text.cause} | {_shown(text.fix)}{asked} |\n"


def _shown(template: str) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", r"*\1*", template).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
