"""A module imports only from lower ranks, and importing the package stays light."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import reverie

SOURCE = Path(__file__).parent.parent / "src" / "reverie"

RANKS = [  # lowest first; a folder's name stands for every module in it
    {"_files", "_pages", "types", "errors", "native", "heap"},
    {"models.weights"},
    {"settings", "probe", "resample", "color", "objectives", "engines"},
    {
        "image",
        "pyramid",
        "transforms",
        "param",
        "models.catalog",
        "presets",
        "classes",
        "features",
        "nearness",
        "surprise",
    },
    {"batch"},
    {"guides", "versions"},
    {"models", "gradient", "sphere", "wording"},
    {"tiling", "regions"},
    {"memory"},
    {"ascent", "composition"},
    {"dream", "visualize"},
    {"panorama", "film", "gigapixel", "analysis", "atlas"},
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


HEAVY = ("cv2", "av", "ray", "gradio", "tensorflow", "torchvision", "timm", "matplotlib")


def imported_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after some code."""
    code += "\nimport sys; print(*sys.modules, file=sys.__stderr__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.split()}


def test_all_public_names_together_import_nothing_heavy() -> None:
    imported = imported_by("import reverie; [getattr(reverie, name) for name in reverie.__all__]")
    assert "torch" in imported and not imported & set(HEAVY)


def test_the_package_and_its_help_import_no_torch() -> None:
    assert not imported_by("import reverie; reverie.__version__") & {"torch", "numpy", "pyvips", "cyclopts"}
    for words in (["--help"], ["dream", "--help"], ["models"], ["presets", "--json"]):
        assert "torch" not in imported_by(f"from reverie.cli import main; main({words})"), words


def test_every_public_name_has_one_home() -> None:
    typed: dict[str | None, str] = {}
    for node in ast.walk(ast.parse((SOURCE / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reverie."):
            typed |= {alias.asname: (node.module or "").removeprefix("reverie.") for alias in node.names}
    assert typed == reverie.HOME_OF
    assert reverie.__all__ == sorted(reverie.HOME_OF)
    assert {*reverie.__all__, "__version__"} == set(dir(reverie))
    for name in reverie.__all__:
        assert getattr(reverie, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'dreem'"):
        _ = reverie.dreem


def test_a_module_does_not_hide_the_function_of_its_name() -> None:
    imported_by("import reverie.dream, reverie.cli.dreaming; assert callable(reverie.dream)")


def source(module: str) -> str:
    return (SOURCE / (module.replace(".", "/") + ".py")).read_text()


def functions(module: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(source(module))) if isinstance(node, ast.FunctionDef)]


def length(function: ast.FunctionDef) -> int:
    """Lines without the docstring: a long explanation is no long function."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("module", modules())
def test_files_and_functions_are_short(module: str) -> None:
    assert source(module).count("\n") <= 300
    for function in functions(module):
        assert length(function) <= 50, function.name
        given = [each.arg for each in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]]
        flags = module in ("cli.commands", "cli.features")  # there the parameters of a command are its flags
        assert flags or len([name for name in given if name not in ("self", "cls")]) <= 6, function.name


def test_most_functions_are_shorter() -> None:
    lengths = [length(function) for module in modules() for function in functions(module)]
    assert statistics.median(lengths) <= 10
