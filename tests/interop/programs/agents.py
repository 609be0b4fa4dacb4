"""Use tools by a client of tools, at each of the servers that the arguments name; print what came of it, as JSON.

python -m tests.interop.programs.agents ADDRESS TOOL ARGUMENTS ...
"""

import asyncio
import json
import sys
from typing import Any

from openenv.core.mcp_client import MCPToolClient


async def used(url: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    async with MCPToolClient(base_url=url) as client:
        await client.reset()
        names = sorted(found.name for found in await client.list_tools())
        return {"names": names, "result": await client.call_tool(tool, **arguments)}


async def main() -> None:
    told = sys.argv[1:]
    asked = zip(told[::3], told[1::3], told[2::3], strict=True)
    json.dump([await used(url, tool, json.loads(arguments)) for url, tool, arguments in asked], sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
