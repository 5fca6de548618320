"""Reverie makes trained networks dream.

    import reverie as rv
    sky = rv.open_image("sky.jpg")
    model = rv.load_model("squeezenet")
    rv.save_image(rv.dream(sky, model, "fire8^2"), "dream.png")

Every public name stands in `__init__.pyi`, which editors and type checkers read. Each is imported when it is first
used, so that the command line can answer `--help` without loading a framework.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

_public_name, _names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("reverie")
    return _public_name(name)


def __dir__() -> list[str]:
    return [*_names(), "__version__"]
