"""Print the exported models, enumerations and signatures of the `openenv` that is installed, as JSON."""

import enum
import importlib
import inspect
import json
import sys
from typing import Any

from pydantic import BaseModel

MODULES = [
    "openenv.core.env_server",
    "openenv.core.env_server.types",
    "openenv.core.env_server.mcp_types",
    "openenv.core.env_server.interfaces",
]
CALLABLES = {
    "openenv.core.env_server.http_server": ["create_app", "create_fastapi_app", "HTTPEnvServer"],
    "openenv.core.env_server.interfaces": [
        "Environment",
        "Environment.reset",
        "Environment.step",
        "Environment.reset_async",
        "Environment.step_async",
        "Environment.get_metadata",
        "Environment._apply_transform",
        "Environment._apply_rubric",
        "Environment._reset_rubric",
        "TaskProvider.get_task_range",
        "ModelTokenizer.apply_chat_template",
    ],
    "openenv.core.env_server.mcp_environment": ["MCPEnvironment", "MCPEnvironment._step_impl"],
    "openenv.core.env_server.base_transforms": ["CompositeTransform"],
    "openenv.core.rubrics": [
        "ExponentialDiscountingTrajectoryRubric",
        "Gate",
        "LLMJudge",
        "Rubric.forward",
        "Rubric.get_rubric",
        "Rubric.load_state_dict",
        "Rubric.named_rubrics",
        "Rubric.register_forward_hook",
        "Rubric.register_forward_pre_hook",
        "Rubric.state_dict",
        "RubricDict",
        "RubricDict.update",
        "RubricList",
        "RubricList.append",
        "RubricList.extend",
        "TrajectoryRubric.score_trajectory",
        "WeightedSum",
    ],
    "openenv.core.env_server.serialization": ["serialize_observation", "deserialize_action"],
    "openenv.core.client_types": ["StepResult"],
    "openenv.core.utils": ["convert_to_ws_url", "run_async_safely"],
}


def default(field: Any) -> Any:
    value = field.get_default(call_default_factory=True)
    return str(value) if isinstance(value, enum.Enum) else repr(value)


def model(cls: type[BaseModel]) -> dict[str, Any]:
    return {
        "fields": {
            name: {"required": field.is_required(), "default": default(field)}
            for name, field in cls.model_fields.items()
        },
        "extra": cls.model_config.get("extra"),
    }


def exported(module: str) -> dict[str, Any]:
    found = importlib.import_module(module)
    return {name: getattr(found, name) for name in getattr(found, "__all__", dir(found)) if not name.startswith("_")}


def attribute(module: str, path: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def described() -> dict[str, Any]:
    values = {name: value for module in MODULES for name, value in exported(module).items()}
    classes = {
        name: value
        for name, value in values.items()
        if inspect.isclass(value) and value.__module__.startswith("openenv.")
    }
    return {
        "models": {name: model(cls) for name, cls in classes.items() if issubclass(cls, BaseModel)},
        "enums": {
            name: {member.name: member.value for member in cls}
            for name, cls in classes.items()
            if issubclass(cls, enum.Enum)
        },
        "parameters": {
            f"{module}.{path}": [
                [parameter.name, parameter.kind.name]
                for parameter in inspect.signature(attribute(module, path)).parameters.values()
            ]
            for module, paths in CALLABLES.items()
            for path in paths
        },
    }


if __name__ == "__main__":
    json.dump(described(), sys.stdout)
