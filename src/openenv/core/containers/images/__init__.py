"""Images of environments: built from a project by the Docker command, and pushed to registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...._lazy import lazy_names

if TYPE_CHECKING:
    from .build import BuildOptions, BuiltImage, build_image, image_name
    from .push import push_image, registry_tags

__all__ = ["BuildOptions", "BuiltImage", "build_image", "image_name", "push_image", "registry_tags"]

_MODULES = {
    "BuildOptions": ".build",
    "BuiltImage": ".build",
    "build_image": ".build",
    "image_name": ".build",
    "push_image": ".push",
    "registry_tags": ".push",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
