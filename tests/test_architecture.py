"""A module imports only from lower ranks, and importing the package stays light."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import reverie

SOURCE = Path(__file__).parent.parent / "src" / "reverie"

PUBLIC: list[str] = vars(reverie)["__all__"]  # made of the stub when it is imported, and so unknown to type checkers

TOP = (
    "types errors settings _native image models objectives gradient recipe ascent jobs analysis film cluster studio cli"
)
"""The package from low to high: a name may import only from those before it. image and models stand on one floor."""

SAME_FLOOR = {"image", "models"}

INSIDE = {
    "settings": """
        size fields visual
        attribution film
    """,
    "_native": """
        files kernels malloc memory
    """,
    "image": """
        color filters gif picture profiles xmp gpano opening pyramid resample embedding film_text formats reading arrays
        panorama writing contact_sheet notebook streaming
    """,
    "models": """
        hooked hooked.grids hooked.hooks hooked.multiples hooked.reading hooked.modules hooked.channels
        hooked.refusals hooked.trials layer_names keras keras.engine keras.hdf5
        networks windows networks.inception_blocks networks.inception_names networks.inner networks.packing
        second_derivative zoo
        extensions zoo.torchvision_vit catalog class_names default_layer hooked.folding networks.chain
        networks.inception_weights
        receptive_field any_size torch_model weights hooked.network keras.pictures keras.networks networks.layers spec
        zoo.files keras.graphs keras.recording keras.layers keras.bridge keras.files keras.inception_weights
        layer_gradient
        networks.inception_v3 networks.squeezenet
        keras.model keras.inception keras.wrapping hooked.wrapping factories zoo.load load fetching zoo.timm
        zoo.torchvision describe
    """,
    "objectives": """
        checks wording places scorer base registered batch batch_terms classes default directions direction_files
        penalties guides pictures functions tokens parser blending masks wishes
    """,
    "gradient": """
        references base normalization sphere keeping tiling memory masks compose
    """,
    "recipe": """
        presets surprise versions recipe film config inputs defaults request
    """,
    "ascent": """
        ondisk param steps transforms pyramids cppn maco deriving optimizers transform_words chain pieces
        ondisk.raster ondisk.workspace ondisk.resampling ondisk.blocks
        ondisk.source visualization ondisk.masks handover looks octaves ondisk.window_gradient ondisk.disk_dream
        ondisk.regions ondisk.passes ondisk.scoring ondisk.octaves
    """,
    "jobs": """
        pages sheet_page job bars networks noise_run caption places memory_run plans snapshots disk_run door
        shortcuts visuals sheets outcomes surprise queue
    """,
    "analysis": """
        activations activations.cells activations.sampling activations.layout activations.atlas attribution
        attribution.methods beside activations.atlas_job activations.grid
        attribution.explain machine figures folder layers parameters flops variants timing climb analyze charts
        pictures attribution.picture results printed
        cost page report compare
    """,
    "film": """
        ahead calming holding keyframes keyframes.table keyframes.times libraries reading reading.headers
        reading.sequences reading.tones shots writing writing.boxes writing.codecs writing.matroska flow
        keyframes.balancing keyframes.curves reading.containers writing.spherical writing.store fine freshness
        keyframes.arithmetic keyframes.changing live_motion live_steps live making
        reading.opening keyframes.expressions reading.coloring
        reading.decoding reading.sound writing.formats writing.soundtrack keyframes.schedules reading.flashes
        writing.encoding writing.segments keyframes.cross_fades reading.cuts writing.animations
        keyframes.moments reading.survey writing.joining film_job frame_dream keyframes.drawing looking
        making_of reading.frames carrying film_maker morph_maker zoom_maker planning requests outcomes single
    """,
    "studio": """
        refusals answers shelf controls downloads pictures painter dreams stills notes trash uploads gallery options
        workshop asking atlas cards converting restoring dreaming runs tries dream_room telling gallery_room
        guards living live_room looking networks_room visualizing wording wish_room unfinished filming timelines
        film_tries film_room rooms handing following endpoints lookups tools api server
    """,
    "cli": """
        flags output features keyframes films listings pictures reports studio
    """,
}
"""The same within each folder, in full: a module may import only from those before it."""


def modules() -> list[str]:
    found = (path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix("__init__").removesuffix(".") for path in found)


def path_of(module: str) -> Path:
    folder = SOURCE.joinpath(*module.split(".")) if module else SOURCE
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def imports_of(module: str) -> set[str]:
    """What a module imports of the package, wherever in it: lazily, or for types alone, all the same."""
    known, found = set(modules()), set[str]()
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not any(name.startswith("reverie") for name in names), f"{module}: say from reverie... import ..."
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            base = (node.module or "").removeprefix("reverie").removeprefix(".")
            if (node.module or "").split(".")[0] == "reverie":
                inside = [f"{base}.{alias.name}".removeprefix(".") for alias in node.names]
                found |= {name if name in known else base for name in inside}
    return found - {module}


def floor(module: str) -> int:
    """The rank of what a module lies in, of the whole package."""
    name = module.split(".")[0]
    assert name in TOP.split(), f"{name} has no rank: give it one in TOP"
    return TOP.split().index(name)


def place(module: str) -> int:
    """The rank of a module within its folder."""
    folder, _, name = module.partition(".")
    order = INSIDE[folder].split()
    assert not name or name in order, f"{module} has no rank: give it one in INSIDE"
    return order.index(name) if name else len(order)


@pytest.mark.parametrize("module", [module for module in modules() if module not in ("", "__main__")])
def test_imports_point_down(module: str) -> None:
    for imported in imports_of(module):
        if imported.split(".")[0] == module.split(".")[0]:
            assert place(imported) < place(module), f"{module} imports {imported}, which is not lower in its folder"
        else:
            assert floor(imported) < floor(module), f"{module} imports {imported}, which is not lower"
            assert {imported.split(".")[0], module.split(".")[0]} != SAME_FLOOR, f"{module} imports {imported}"


def test_every_rank_is_of_a_module() -> None:
    known = set(modules())
    assert {f"{folder}.{name}" for folder, names in INSIDE.items() for name in names.split()} <= known
    assert [len(names.split()) for names in INSIDE.values()] == [len(set(names.split())) for names in INSIDE.values()]


def test_at_most_fifteen_names_at_the_top_and_none_of_a_public_function() -> None:
    names = {module.split(".")[0] for module in modules()} - {"", "__main__"}
    assert len([name for name in names if not name.startswith("_")]) <= 15
    assert not {module.rpartition(".")[2] for module in modules()} & set(PUBLIC)


HEAVY = (
    *("cv2", "av", "ray", "gradio", "tensorflow", "torchvision", "timm", "matplotlib"),
    *("captum", "umap", "numba", "sklearn", "scipy"),
)


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


def test_every_public_name_has_one_home_and_is_there() -> None:
    assert len(PUBLIC) == len(set(PUBLIC)) > 40
    assert {*PUBLIC, "__version__"} == set(dir(reverie))
    for name in PUBLIC:
        home = getattr(reverie, name).__module__ if callable(getattr(reverie, name)) else "reverie"
        assert home.startswith(("reverie", "typing", "collections", "jaxtyping")), (name, home)
    with pytest.raises(AttributeError, match="dreem"):
        getattr(reverie, "dreem")  # noqa: B009


def test_the_stub_names_the_modules_where_things_are_defined() -> None:
    for node in ast.walk(ast.parse((SOURCE / "__init__.pyi").read_text())):
        if isinstance(node, ast.ImportFrom):
            defined = path_of(node.module or "").read_text()
            for alias in node.names:
                assert re.search(rf"^(def|class) {alias.name}\b|^{alias.name}[:\s]", defined, re.M), alias.name


def test_a_module_is_no_function() -> None:
    done = subprocess.run([sys.executable, "-c", "import reverie.dream"], capture_output=True, text=True, check=False)
    assert "No module named 'reverie.dream'" in done.stderr


def source(module: str) -> str:
    return path_of(module).read_text()


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
        flags = module in (
            "cli.features",
            "cli.films",
            "cli.keyframes",
            "cli.pictures",
            "cli.reports",
            "cli.studio",
        )  # there the parameters of a command are its flags
        assert flags or len([name for name in given if name not in ("self", "cls")]) <= 6, function.name


def test_most_functions_are_shorter() -> None:
    lengths = [length(function) for module in modules() for function in functions(module)]
    assert statistics.median(lengths) <= 10
