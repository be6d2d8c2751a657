"""`python -m devtools.permissions_table` writes README's table of who may do what from the code."""

from devtools.readme import write
from services.gateway.pages import who_may

NAME = "permissions"


def table() -> str:
    lines = [f"| | {' | '.join(who_may.COLUMNS)} |", "|---|---|---|"]
    lines += [f"| {words} | {' | '.join(answers)} |" for words, answers in who_may.table()]
    return "\n".join(lines)


if __name__ == "__main__":
    write(NAME, table())
