"""The audit log: who asked for what, and whether they were allowed to."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.gateway.context import Caller, Limit
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1", tags=["audit"])

BeforeEntry = Annotated[
    str | None, Query(pattern=r"^aud_\w+$", description="The id of the last one of the page before.")
]
Actor = Annotated[str | None, Query(max_length=100, description="Only what this user asked for.")]
What = Annotated[str | None, Query(max_length=50, description="Only this `deed`.")]
Allowed = Annotated[bool | None, Query(description="Only what was allowed, or what was refused.")]


@router.get("/audit")
async def index(
    call: Caller,
    actor: Actor = None,
    deed: What = None,
    allowed: Allowed = None,
    before: BeforeEntry = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """Every decision of the organization, newest first. Needs Sync Service Full Access."""
    await call.may(Deed.MANAGE_CONNECTION, subject="audit")
    return await call.org.audit.page(actor=actor, deed=deed, allowed=allowed, before=before, limit=limit)
