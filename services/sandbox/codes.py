"""The field codes of a simulated organization."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sandbox.world import Organization

RELATIONSHIPS = (
    *("Mother", "Father", "Guardian", "Aunt", "Uncle", "Grandmother", "Grandfather", "Sister", "Brother", "Stepmother"),
    *("Stepfather", "Foster", "Friend", "Neighbor", "Other"),
)
STATES = (
    *("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL"),
    *("IN", "IA", "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE"),
    *("NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "PR", "RI", "SC"),
    *("SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY"),
)
_FIXED = {
    "gender": {"F": "Female", "M": "Male", "X": "Non-binary"},
    "race": {
        "A": "Asian",
        "B": "Black or African American",
        "H": "Hispanic or Latino",
        "I": "American Indian or Alaska Native",
        "M": "Two or More Races",
        "P": "Native Hawaiian or Other Pacific Islander",
        "W": "White",
    },
    "languages": {
        "en": "English",
        "es": "Spanish",
        "vi": "Vietnamese",
        "zh": "Chinese",
        "nv": "Navajo",
    },
    "relationships": {one: one for one in RELATIONSHIPS},
    "states": {one: one for one in STATES},
    "countries": {"US": "United States", "MX": "Mexico", "CA": "Canada"},
}
_GRADES = {-2: "PreK 3", -1: "PreK", 0: "Kindergarten"}


def field_codes(org: "Organization") -> dict[str, list[dict[str, str]]]:
    """Every set by its name, in the order people see them."""
    sets = {name: dict(codes) for name, codes in _FIXED.items()}
    sets["grades"] = {str(grade): _GRADES.get(grade, f"Grade {grade}") for grade in org.spec.grades}
    for name in ("school_groups", "school_levels", "program_categories", "user_groups"):
        what = name.replace("_", " ").removesuffix("s").title()
        sets[name] = {str(number): f"{what} {number}" for number in getattr(org.spec, name)}
    sets["schools"] = _schools(org)
    return {name: [{"code": code, "label": label} for code, label in codes.items()] for name, codes in sets.items()}


def _schools(org: "Organization") -> dict[str, str]:
    """Those that were imported, and those of which there is nothing but a registration: they have no name."""
    table, year = org.tables["schools"], org.spec.current_school_year
    held = [table.values(one, year) for one in table.records]
    nameless = {one.school_code: one.school_code for one in org.registrations.all if one.school_code}
    named = {one["schools.school_code"]: one["schools.school_name"] for one in held if one.get("schools.school_code")}
    return {**nameless, **named}
