"""The operator's command line, as an operator runs it."""

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass
from typing import Any

from devtools.parts.child import Child
from devtools.stack import ROOT, Stack


@dataclass(frozen=True, slots=True)
class Ops:
    """The operator's command line, as a child process with the stack's settings."""

    stack: Stack

    async def __call__(self, *arguments: str, status: int = 0) -> str:
        """What it wrote, errors included. `status` is the exit status it has to have."""
        log = self.stack.directory / f"ops-{secrets.token_hex(4)}.log"
        command = (sys.executable, "-m", "services.cli", "ops", *arguments)
        child = Child("ops", command, env={**self.stack.env, "COLUMNS": "200"}, log=log, cwd=ROOT)
        await asyncio.to_thread(child.start)
        try:
            ended = await asyncio.to_thread(child.wait, 60)
        finally:
            await asyncio.to_thread(child.kill)
        text = log.read_text()
        assert ended == status, f"{arguments} ended with {ended}:\n{text}"
        assert "Traceback" not in text, text
        return text

    async def listed(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (await self("failed", "list", "--json", *arguments)).splitlines()]


async def failed(stack: Stack, *options: str) -> list[dict[str, Any]]:
    """The failed messages that wait, or those that `options` ask for."""
    return await Ops(stack).listed(*options)
