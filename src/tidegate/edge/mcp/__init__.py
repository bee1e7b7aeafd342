"""The door for AI agents: tools over the Model Context Protocol.

Contract: a tool is one operation of the HTTP API, called in the name of whoever calls the tool. So an agent may exactly
what its token may, is counted, narrowed, refused and recorded as any other caller, and gets the same errors.
"""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.edge.mcp.door import ToolDoor, router
    from tidegate.edge.mcp.model import Prompt, Resource, Tool, Toolbox
else:
    __getattr__ = lazily(
        {
            "tidegate.edge.mcp.door": ("ToolDoor", "router"),
            "tidegate.edge.mcp.model": ("Prompt", "Resource", "Tool", "Toolbox"),
        }
    )

__all__ = ["Prompt", "Resource", "Tool", "ToolDoor", "Toolbox", "router"]
