"""An environment's tools in the terms of models: as the schemas that their APIs take, and their calls as actions.

toolbox = OpenAITools(env.list_tools())
completion = model.chat.completions.create(model=..., messages=messages, tools=toolbox.schemas())
messages += toolbox.answers(toolbox.play(env, completion))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .anthropic import AnthropicTools
    from .model_call import ModelCall
    from .openai import OpenAIResponsesTools, OpenAITools
    from .toolbox import Toolbox

__all__ = ["AnthropicTools", "ModelCall", "OpenAIResponsesTools", "OpenAITools", "Toolbox"]

_MODULES = {
    "AnthropicTools": ".anthropic",
    "ModelCall": ".model_call",
    "OpenAIResponsesTools": ".openai",
    "OpenAITools": ".openai",
    "Toolbox": ".toolbox",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
