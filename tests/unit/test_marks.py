"""The marks of forms: whose form it was is known later, and nobody can make one up."""

import pytest

from shared.model.errors import BadSettings
from shared.model.permission import Identity
from shared.security.marks import Marks

MARA = Identity("o-1", "u-1")
OTHERS = (Identity("o-1", "u-2"), Identity("o-2", "u-1"), Identity("o-1|u", "-1"), Identity("", "o-1|u-1"))


def test_a_mark_is_of_one_person_in_one_organization() -> None:
    marks = Marks(["k-1"])
    mark = marks.new(MARA)
    assert marks.is_ours(mark)
    assert marks.is_of(mark, MARA)
    assert not any(marks.is_of(mark, one) for one in OTHERS)
    assert [marks.is_of_another_org(mark, one) for one in (MARA, *OTHERS)] == [False, False, True, True, True]


def test_no_two_are_the_same_and_none_names_anybody() -> None:
    made = {Marks(["k-1"]).new(Identity("cedar-ridge", "mara.torres")) for _ in range(20)}
    assert len(made) == 20
    assert not any("cedar" in one or "mara" in one for one in made)


def test_what_we_did_not_make_is_not_ours() -> None:
    marks = Marks(["k-1"])
    nonce, org, person, proof = marks.new(MARA).split(".")
    other_org, theirs = marks.new(Identity("o-2", "u-2")).split(".")[1:3]
    forged = (
        "",
        "x",
        "a.b.c",
        "a.b.c.d",
        f"{nonce}.{org}.{theirs}.{proof}",
        f"{nonce}.{other_org}.{person}.{proof}",
        f"x{nonce}.{org}.{person}.{proof}",
        f"{nonce}.{org}.{person}.",
        f"{nonce}.{person}.{proof}",
        "ä.ö.ü.ß",
    )
    assert not any(
        marks.is_ours(one) or marks.is_of(one, MARA) or marks.is_of_another_org(one, MARA)
        for one in (*forged, Marks(["k-2"]).new(MARA))
    )


def test_a_new_key_is_put_before_the_old_one() -> None:
    old = Marks(["k-1"]).new(MARA)
    both = Marks(["k-2", "k-1"])
    assert both.is_of(old, MARA)
    assert Marks(["k-2"]).is_of(both.new(MARA), MARA)
    assert not Marks(["k-2"]).is_ours(old)


def test_without_a_key_there_are_none() -> None:
    with pytest.raises(BadSettings):
        Marks([])
