"""`python -m devtools.settings_table` writes README's table of settings from the code."""

import json
from pathlib import Path

from shared.settings import Settings

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- settings:", "<!-- /settings -->"


def table() -> str:
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", ()) else f"`{json.dumps(field.default)}`"
        lines.append(f"| `SYNC_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    before, rest = text.split(START, 1)
    note = rest.split("\n", 1)[0]
    after = rest.split(END, 1)[1]
    return f"{before}{START}{note}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
