"""What Enroll says about an organization: which school year it is in, and which switches are on."""

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.context import Caller
from shared.adapters.enroll_sites import PRODUCTION
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import NotFound
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1", tags=["switches"])


class Switches(BaseModel):
    """`import_years` are those whose "Enable Sync Import" is on, newest first."""

    current_school_year: int
    import_years: list[int]
    registration_module: bool


@router.get("/switches")
async def show(call: Caller, instance: Instance = PRODUCTION) -> Switches:
    """The school year and the switches of the organization in this Enroll."""
    await call.may(Deed.VIEW, subject="switches")
    found = await call.gateway.gate.switches(call.who.org, instance)
    if found is None:
        raise NotFound(*said("enroll.not_found"))
    years = sorted(found.import_years, reverse=True)
    return Switches(
        current_school_year=found.current_school_year,
        import_years=years,
        registration_module=found.registration_module,
    )
