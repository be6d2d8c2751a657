"""Every row of the table of design section 6, for every set of permissions there is."""

from itertools import chain, combinations

import pytest

from shared.model.permission import LIMITED_IMPORTS, Deed, Permission, refusal

FULL, LIMITED, ADMINS = Permission.FULL, Permission.LIMITED, Permission.EDIT_ADMINISTRATORS
VIEW, EDIT = Permission.VIEW_REGISTRATIONS, Permission.EDIT_REGISTRATIONS
HELD = [
    frozenset(found) for found in chain.from_iterable(combinations(Permission, size) for size in range(len(Permission)))
]
IMPORTS = (Deed.MAP_IMPORT, Deed.IMPORT, Deed.DECIDE)


@pytest.mark.parametrize("held", HELD, ids=lambda held: "+".join(sorted(one.name for one in held)) or "none")
def test_the_whole_table(held: frozenset[Permission]) -> None:
    def may(deed: Deed, data_type: str = "students") -> bool:
        why = refusal(deed, data_type, held)
        assert why is None or why.startswith("This needs ")
        return why is None

    assert may(Deed.MANAGE_CONNECTION) == (FULL in held)
    assert may(Deed.VIEW) == may(Deed.VIEW, "admin_users") == bool(held & {FULL, LIMITED})
    assert may(Deed.MAP_EXPORT) == (FULL in held)
    assert may(Deed.VIEW_EXPORT) == ({FULL, VIEW} <= held)
    assert may(Deed.EXPORT) == ({FULL, VIEW, EDIT} <= held)
    for deed in IMPORTS:
        for data_type in LIMITED_IMPORTS:
            assert may(deed, data_type) == bool(held & {FULL, LIMITED})
        assert may(deed, "admin_users") == ({FULL, ADMINS} <= held)
        assert may(deed, "unheard_of") == (FULL in held)


def test_the_refusal_says_what_is_needed() -> None:
    assert str(ADMINS) in str(refusal(Deed.IMPORT, "admin_users", {FULL}))
    assert str(FULL) in str(refusal(Deed.MANAGE_CONNECTION, "", {LIMITED}))


def test_the_limited_imports_are_those_of_the_product() -> None:
    assert {"schools", "programs", "students", "applications", "cutoff_numbers"} == LIMITED_IMPORTS
