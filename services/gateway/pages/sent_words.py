"""What the fields of a form that was not taken are called, and their values: as the form had them."""

from collections.abc import Mapping
from itertools import chain
from typing import Final

from services.gateway.pages import adding, connection, connection_parts, run_forms
from services.gateway.pages.connection_fields import LIMITS, NAME, ROSTER, SETTINGS
from services.gateway.pages.export_rules import RULES
from services.gateway.pages.fields import Field
from services.gateway.pages.words import INSTANCES, label, school_year
from shared.model.catalog import data_types

_INSTANCE: Final = Field("instance", "Enroll instance", options=tuple(INSTANCES.items()))
_TYPES: Final = Field("data_type", "What", options=tuple((one, label(one)) for one in data_types()))
_DIRECTION: Final = Field("direction", "Which way", options=(("import", "Import"), ("export", "Export")))
_ON: Final = Field("on", "Switched", options=(("1", "on"), ("0", "off")))
_ANYWHERE: Final = (
    *(NAME, ROSTER, _INSTANCE, _TYPES, _DIRECTION, _ON, *LIMITS, *RULES, *chain(*SETTINGS.values())),
    *(run_forms.WHICH, run_forms.SCHOOL, run_forms.STUDENT, run_forms.PREVIEW, run_forms.CHANGES, run_forms.AFRESH),
    *(adding.AGREE, adding.KIND, connection.MEANT, connection_parts.SURE),
)
_SCHOOLS: Final = (connection_parts.WHICH, connection_parts.CODES)
_BY_NAME: Final[Mapping[str, Field]] = {one.name: one for one in _ANYWHERE}
_OF_SCHOOLS: Final[Mapping[str, Field]] = {one.name: one for one in _SCHOOLS}


def called(name: str, route: str) -> str:
    """The label of a field, in the form that goes to this route; of one that is not known, its name in plain words."""
    found = _field(name, route)
    return found.label if found else name.rpartition(".")[2].replace("_", " ").capitalize()


def in_words(name: str, value: str, route: str) -> str:
    """What the form said in place of the value; blank where it is what was typed."""
    found = _field(name, route)
    if name == "school_year" and value.isascii() and value.isdigit():
        return school_year(int(value[:9]))
    if found is None:
        return ""
    return "Yes" if found.shape == "switch" and value == "1" else dict(found.options).get(value, "")


def _field(name: str, route: str) -> Field | None:
    if route == f"{connection.ADDRESS}/schools" and name in _OF_SCHOOLS:
        return _OF_SCHOOLS[name]
    return _BY_NAME.get(name)
