"""The code tables of a simulated Aeries. Source: SIS facts, 2.5."""

from typing import Any

CODES = {
    ("stu", "eth"): (("Y", "Hispanic", ""), ("N", "Not Hispanic", "")),
    ("stu", "rc1"): (("700", "White", ""), ("600", "Black", ""), ("299", "Other Asian", "I")),
    ("stu", "hl"): (("00", "English", ""), ("01", "Spanish", "")),
    ("stu", "cl"): (("00", "English", ""), ("01", "Spanish", "")),
    ("stu", "lf"): (("E", "English Only", ""), ("L", "Learner", "")),
    ("stu", "gr"): (("K", "Kindergarten", ""), ("1", "First", ""), ("2", "Second", "")),
    ("stu", "tg"): (("*", "Pre-enrolled", ""), ("N", "No show", "")),
    ("stu", "bcu"): (("US", "United States", ""),),
    ("stu", "bst"): (("CA", "California", ""),),
    ("contact", "rl"): (("11", "Mother", ""), ("12", "Father", ""), ("90", "Old code", "I")),
}
"""Table and field to code, description and status; "I" is not in use any more."""
OBJECTS = {
    "ethnicity": "eth",
    "race": "rc1",
    "race1": "rc1",
    "homelanguage": "hl",
    "correspondencelanguage": "cl",
    "languagefluency": "lf",
    "grade": "gr",
    "inactivestatus": "tg",
    "birthcountry": "bcu",
    "birthstate": "bst",
    "relationshiptostudent": "rl",
}
"""The names of fields that objects have to those of the tables."""


def code_table(table: str, field: str) -> list[dict[str, Any]] | None:
    """By table or object name; CON is a device name, which breaks the address."""
    table, field = table.casefold(), field.casefold()
    plain = field.removesuffix("code")
    found = CODES.get(("contact" if table == "contact" else "stu", OBJECTS.get(plain, plain)))
    if table not in ("stu", "student", "contact") or found is None:
        return None
    return [
        {"Table": table.upper(), "Field": field.upper(), "Code": f"{code:<3}", "Description": label, "SortOrder": at}
        | {"Status": status, "AeriesCode": code.strip().replace("K", "0"), "Category": ""}
        for at, (code, label, status) in enumerate(found)
    ]
