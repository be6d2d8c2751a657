"""`ps_plugin.xml`: installed in PowerSchool, it lets Sync Service read and write what the mappings use.

Source: SIS facts, 1.1; product facts, section 11.
"""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final
from xml.etree import ElementTree

from shared.model.contacts import contact_field

NAME: Final = "SchoolMint Sync Service"
"""As the district finds it on the plugin dashboard."""
_SPACE: Final = "http://plugin.powerschool.pearson.com"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"


def plugin_xml(read: Iterable[str], written: Iterable[str], *, version: str, contact: str) -> bytes:
    """The plugin for fields of the API that are read and written; what none of them is behind is left out.

    `version` has digits and dots. A field that is written gets `FullAccess`, others `ViewOnly`.
    """
    access: dict[tuple[str, str], str] = {}
    for names, right in ((read, "ViewOnly"), (written, "FullAccess")):
        for name in names:
            for place in _behind(name):
                access[place] = right
    for table, columns in _tables()["always"].items():
        for column in columns:
            access.setdefault((table, column), "ViewOnly")
    ElementTree.register_namespace("", _SPACE)
    ElementTree.register_namespace("xsi", _XSI)
    root = ElementTree.Element(f"{{{_SPACE}}}plugin", name=NAME, version=version, description=_DESCRIPTION)
    root.set(f"{{{_XSI}}}schemaLocation", f"{_SPACE} plugin.xsd")
    ElementTree.SubElement(root, f"{{{_SPACE}}}oauth")
    asked = ElementTree.SubElement(root, f"{{{_SPACE}}}access_request")
    for (table, column), right in sorted(access.items()):
        ElementTree.SubElement(asked, f"{{{_SPACE}}}field", table=table, field=column, access=right)
    publisher = ElementTree.SubElement(root, f"{{{_SPACE}}}publisher", name="Sync Service")
    ElementTree.SubElement(publisher, f"{{{_SPACE}}}contact", email=contact)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


_DESCRIPTION: Final = "Moves students between Enroll and PowerSchool"


def _behind(name: str) -> list[tuple[str, str]]:
    """Tables and fields behind a field of the API; a custom field names its own."""
    if contact_field(name) is not None:
        return [(table, column) for table, columns in _tables()["contacts"].items() for column in columns]
    students = _tables()["students"]
    if name in students and name != "table":
        return [(str(students["table"]), column) for column in students[name]]
    table, dot, column = name.partition(".")
    is_custom = dot and table.casefold().startswith(("u_", "s_"))
    return [(table.upper(), column)] if is_custom else []


@cache
def _tables() -> dict[str, Any]:
    text = files("shared.adapters.powerschool").joinpath("plugin_fields.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
