"""A module imports only from lower ranks, and importing the package stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "reverie"

RANKS = [  # lowest first; a folder's name stands for every module in it
    {"types", "errors"},
    {"settings", "probe", "resample", "color", "models.weights", "objectives", "engines"},
    {"image", "pyramid", "transforms", "param", "models.catalog", "presets"},
    {"models", "gradient", "wording"},
    {"tiling"},
    {"memory"},
    {"ascent"},
    {"dream", "visualize"},
    {"panorama", "film", "gigapixel", "analysis"},
    {"recipe"},
    {"cluster"},
    {"studio"},
    {"cli"},
    {"__init__", "__main__"},
]


def modules() -> list[str]:
    return sorted(".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.rglob("*.py"))


def rank(module: str) -> int:
    parts = module.removesuffix(".__init__").split(".")
    for length in range(len(parts), 0, -1):
        for number, names in enumerate(RANKS):
            if ".".join(parts[:length]) in names:
                return number
    raise AssertionError(f"{module} has no rank: give it one in RANKS")


def imports_of(module: str) -> set[str]:
    tree = ast.parse((SOURCE / (module.replace(".", "/") + ".py")).read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            base = node.module or ""
            inside = [f"{base}.{alias.name}" for alias in node.names]
            known = {"reverie." + name.removesuffix(".__init__") for name in modules()}
            found |= {name if name in known else base for name in inside}
    return {name.removeprefix("reverie.") for name in found if name.startswith("reverie.")}


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module: str) -> None:
    for imported in imports_of(module):
        same_folder = module.split(".")[0] == imported.split(".")[0] and "." in module
        assert rank(imported) < rank(module) or (same_folder and rank(imported) <= rank(module)), (
            f"{module} imports {imported}, which is not lower"
        )


@pytest.mark.parametrize("heavy", ["cv2", "av", "ray", "gradio", "tensorflow", "torchvision", "timm", "matplotlib"])
def test_import_is_light(heavy: str) -> None:
    code = f"import reverie, sys; assert {heavy!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
