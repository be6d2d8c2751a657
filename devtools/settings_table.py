"""`python -m devtools.settings_table` writes README's table of settings from the code."""

import json

from devtools.readme import write
from shared.settings import Settings

NAME = "settings"


def table() -> str:
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", ()) else f"`{json.dumps(field.default)}`"
        lines.append(f"| `SYNC_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write(NAME, table())
