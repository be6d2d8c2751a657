"""The operator's command line, as an operator runs it."""

import asyncio
import json
import subprocess
import sys
from typing import Any

from devtools.stack import ROOT, Stack


async def ops(stack: Stack, *arguments: str) -> str:
    command = [sys.executable, "-m", "services.cli", "ops", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, env=stack.env, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def failed(stack: Stack, *options: str) -> list[dict[str, Any]]:
    """The failed messages that wait, or those that `options` ask for."""
    return [json.loads(line) for line in (await ops(stack, "failed", "list", "--json", *options)).splitlines()]
