"""The work behind `reverie dream --surprise`: many dreams of one photo, drawn by chance, and a sheet of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from reverie.cli.dreaming import Run, dream_one, how, recipe_for
from reverie.cli.flags import PICTURE, Wish
from reverie.cli.manner import Manner, speak
from reverie.cli.targets import inside
from reverie.errors import ReverieError, SettingsError
from reverie.gradient.memory import parse_memory
from reverie.image.contact_sheet import Layout, save_sheet
from reverie.image.formats import check_output
from reverie.image.reading import read_photo
from reverie.image.resample import image_size
from reverie.models.load import load_model
from reverie.models.receptive_field import geometry
from reverie.objectives.parser import objective
from reverie.recipe.inputs import EXAMPLE, path_of
from reverie.recipe.recipe import Recipe
from reverie.recipe.surprise import Surprise, surprises
from reverie.settings import Settings

SIDE = 512
"""The longest side of a try unless told, in pixels; no photo is enlarged."""


ON_SHEET = Layout(longest=320, lines=2)
"""How the tries lie on their sheet."""


def surprise_all(photos: list[Path], output: Path | None, wish: Wish, count: int, manner: Manner) -> int:
    """Dreams a photo in so many ways, all but those that are in the folder already. Returns the exit code."""
    speak(manner)
    check(photos, wish, manner)
    name = str(photos[0]) if photos else EXAMPLE
    photo, budget = read_photo(path_of(name)), parse_memory(wish.memory)
    longest = max(image_size(photo.image))
    wish = replace(wish, settings=replace(wish.settings, size=wish.settings.size or min(SIDE, longest)))
    model = load_model(wish.model, seed=wish.settings.seed, **how(wish))
    drawn = surprises(geometry(model, model.layers), wish.settings.seed, count)
    folder = folder_for(output or Path(f"{path_of(name).stem}-surprise"))
    tries: list[tuple[Path, Recipe]] = []
    for number, own in enumerate((surprised(wish, each) for each in drawn), 1):
        target = folder / f"{number:02}.png"
        check_output(target, [path_of(name)])
        recipe = recipe_for((photo, name), model, objective(own.objective or ""), own, budget)
        if target.exists() and not is_of(target, recipe):
            raise SettingsError(f"{target} is another picture, which would be lost: name another folder with -o")
        tries.append((target, recipe))
    done: list[tuple[Path, str]] = []
    code = 0
    for number, (target, recipe) in enumerate(tries, 1):
        code = 0 if is_done(target, recipe) else dream_one(Run(recipe, photo, model, target, manner))
        if code:  # interrupted: the others are not wanted either
            break
        done.append((target, f"{number:02}  {recipe.objective}"))
    if done:
        save_sheet(done, folder / "sheet.png", ON_SHEET)
        if not manner.quiet:
            print(f"{folder / 'sheet.png'}: {len(done)} dreams", file=sys.stderr)
    return code


def check(photos: list[Path], wish: Wish, manner: Manner) -> None:
    """Raises `SettingsError` for what goes not together with chance."""
    if len(photos) > 1:
        raise SettingsError(f"--surprise takes one photo, and {len(photos)} are named")
    if wish.guides or wish.masks or manner.snapshots:
        raise SettingsError("--surprise makes its own wishes: leave out --guide, --mask and --snapshots")


def folder_for(path: Path) -> Path:
    """The folder, made if it is not there; raises `ImageFileError` where it cannot be."""
    if PICTURE.fullmatch(path.suffix) and not path.exists():
        raise SettingsError(f"{path} is a picture's name; --surprise writes many: name a folder with -o")
    inside(path, [])
    return path


def surprised(wish: Wish, drawn: Surprise) -> Wish:
    """The wish with what was drawn, wherever the user did not choose."""
    settings = {name: value for name, value in drawn.settings.items() if name not in wish.said}
    words = wish.objective if "objective" in wish.said else drawn.objective
    return replace(wish, objective=words, settings=Settings.of({**wish.settings.as_dict(), **settings}))


def is_of(target: Path, recipe: Recipe) -> bool:
    """Whether the file is a dream of this recipe, be it interrupted."""
    try:
        return replace(Recipe.from_file(target), tile=None, only_steps=None) == replace(recipe, tile=None)
    except ReverieError:
        return False


def is_done(target: Path, recipe: Recipe) -> bool:
    """Whether the file is a whole dream of this recipe. Tiles follow from the memory that is free just then."""
    try:
        return target.is_file() and replace(Recipe.from_file(target), tile=None) == replace(recipe, tile=None)
    except ReverieError:  # a picture of someone else's
        return False
