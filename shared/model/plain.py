"""What Pydantic finds wrong with a value, for somebody who never heard of strings, tuples and integers."""

from collections.abc import Mapping
from typing import Any, Final

EMPTY: Final = frozenset({"missing", "string_too_short", "int_type", "float_type", "string_type", "none_required"})
TEXTS: Final = {
    **dict.fromkeys(EMPTY, "Fill this in."),
    "string_too_long": "At most {max_length} characters.",
    "greater_than_equal": "Use {ge:g} or more.",
    "less_than_equal": "Use {le:g} or less.",
    "too_long": "At most {max_length} of them.",
    "too_short": "Choose at least one.",
    "literal_error": "Use one of {expected}.",
    "enum": "Use one of {expected}.",
    "union_tag_invalid": "Use one of {expected_tags}.",
    "string_pattern_mismatch": "Write it as in the example.",
    "extra_forbidden": "There is no such setting.",
    "string_unicode": "It holds a character that cannot be kept.",
    "tuple_type": "This has to be a list.",
    "list_type": "This has to be a list.",
    "dict_type": "This has to be an object.",
    "model_type": "This has to be an object.",
    "model_attributes_type": "This has to be an object.",
    "is_instance_of": "This has to be something else.",
}
KINDS: Final = {
    "int_": "Use a whole number.",
    "float_": "Use a number.",
    "bool_": "Choose yes or no.",
    "date_": "Use a day such as 2026-08-10.",
    "time_": "Use a time such as 02:30.",
}


def plain(problem: Mapping[str, Any]) -> str:
    """One sentence. `problem` is one of `ValidationError.errors()`; nothing that was sent is repeated."""
    kind, about = problem["type"], problem.get("ctx", {})
    if kind in TEXTS:
        return TEXTS[kind].format(**about)
    found = next((text for begin, text in KINDS.items() if kind.startswith(begin)), "")
    return found or str(problem["msg"]).removeprefix("Value error, ")
