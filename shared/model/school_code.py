"""The code of a school, as the SIS and Enroll both have it."""

from typing import Annotated

from pydantic import Field

SchoolCode = Annotated[str, Field(min_length=1, max_length=20)]
