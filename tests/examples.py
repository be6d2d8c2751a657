"""How many examples a property is tried with: all of them by `make test`, a fifth by `make check`."""

import os

THOROUGH = "THOROUGH_TESTS"
_DEFAULT = 100


def examples(count: int = _DEFAULT) -> int:
    return count if os.environ.get(THOROUGH) else max(10, count // 5)
