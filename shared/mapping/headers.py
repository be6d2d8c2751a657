"""The names of columns: what they say in plain words, and how much two of them are alike."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

_SPLIT = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_POSSESSIVE = re.compile(r"['\u2019]s\b", re.IGNORECASE)
_MEANING = {
    "fname": "first name",
    "lname": "last name",
    "mname": "middle name",
    "surname": "last name",
    "dob": "birth date",
    "birthdate": "birth date",
    "birthday": "birth date",
    "bday": "birth date",
    "addr": "address",
    "ph": "phone",
    "tel": "phone",
    "telephone": "phone",
    "cell": "phone",
    "mobile": "phone",
    "num": "number",
    "no": "number",
    "nbr": "number",
    "zipcode": "zip",
    "postal": "zip",
    "postcode": "zip",
    "parent": "guardian",
    "rel": "relation",
    "relationship": "relation",
    "emerg": "emergency",
    "kid": "student",
    "mom": "mother",
    "dad": "father",
    "pupil": "student",
    "child": "student",
    "stu": "student",
    "stud": "student",
    "sex": "gender",
    "lang": "language",
}
_FILLERS = frozenset({"of", "the", "s", "code", "mm", "dd", "yyyy", "yy", "students", "field"})


def plain(name: str) -> str:
    """The name without case, spaces and punctuation, so that Student_Number and "student number" are one."""
    return "".join(_SPLIT.findall(name)).casefold()


@lru_cache(maxsize=16_384)
def words(name: str) -> tuple[str, ...]:
    """What the name says: single words, abbreviations written out, fillers left out."""
    text = _CAMEL.sub(" ", _POSSESSIVE.sub("", name[:200]))
    found = [meant for word in _SPLIT.findall(text) for meant in _MEANING.get(word.casefold(), word.casefold()).split()]
    return tuple(word for word in found if word not in _FILLERS) or tuple(found)


def likeness(one: str, other: str) -> float:
    """From 0, nothing in common, to 1, the same words: the better of shared words and shared groups of letters."""
    if plain(one) == plain(other):
        return 1.0
    return max(_shared(set(words(one)), set(words(other))), _shared(_letters(one), _letters(other)) * 0.95)


class Names:
    """Finds the names that are most like a given one, without comparing it with all of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._holding: dict[str, list[int]] = {}
        for place, name in enumerate(self._names):
            for part in {*words(name), *_letters(name)}:
                self._holding.setdefault(part, []).append(place)

    def like(self, name: str, least: float) -> Mapping[str, float]:
        """Names at least so much alike, the closest 20 of them."""
        hits: dict[int, int] = {}
        for part in {*words(name), *_letters(name)}:
            for place in self._holding.get(part, ()):
                hits[place] = hits.get(place, 0) + 1
        closest = sorted(hits, key=lambda place: (-hits[place], place))[:20]
        found = {self._names[place]: likeness(name, self._names[place]) for place in closest}
        return {other: value for other, value in found.items() if value >= least}


@lru_cache(maxsize=16_384)
def _letters(name: str) -> frozenset[str]:
    text = f" {plain(name[:200])} "
    return frozenset(text[at : at + 3] for at in range(max(1, len(text) - 2)))


def _shared(one: Iterable[str], other: Iterable[str]) -> float:
    left, right = frozenset(one), frozenset(other)
    return 2 * len(left & right) / (len(left) + len(right)) if left and right else 0.0


def unread(columns: Sequence[str], read: Iterable[str]) -> list[str]:
    """The columns that nothing reads, in order."""
    taken = {plain(name) for name in read}
    return [name for name in columns if plain(name) not in taken]
