"""The mapping screens: examples, the Field Mapping, suggestions, codes, versions."""

from fastapi import APIRouter

from services.gateway.pages.mapping import (
    codes,
    configure,
    fields,
    newer,
    row,
    suggestions,
    together,
    trial,
    versions,
)


def routers() -> tuple[APIRouter, ...]:
    """Pages with fixed names come before those of a direction and a data type."""
    modules = (codes, configure, fields, newer, row, suggestions, together, trial, versions)
    return tuple(module.router for module in modules)
