"""What a recipe names, found again and checked: its photograph, guides and masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TypeVar

from reverie._native.files import hash_file
from reverie.errors import ImageFileError, RecipeError, SettingsError, WeightsError
from reverie.image.reading import Photo, PhotoFile, read_header, read_photo
from reverie.objectives.base import Objective
from reverie.objectives.blending import read_wishes
from reverie.objectives.masks import Regions, extract_mask, masked
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.recipe import AnyRecipe, Recipe, RegionWish, VisualRecipe, as_text
from reverie.types import Image, Model

EXAMPLE = "example:astronaut"
"""The input's name where it is the photograph that comes with the package."""

ARRAY = "array"
"""The input's name where it was an array or a tensor in Python, and so is no file."""

PIXELS = "pixels:"
"""What the digest of such an input begins with: it is that of the pixels."""

ELSEWHERE = ", or say where it is with --input"

AnyPhoto = TypeVar("AnyPhoto", bound="Photo | PhotoFile | NamedFile")


def input_path(name: str) -> Path:
    """Where an input is; the name of the bundled example stands for the file within the package."""
    if name == EXAMPLE:
        return Path(str(resources.files("reverie").joinpath("data", "astronaut.jpg")))
    return Path(name)


def find_file(name: str, beside: Path | None = None) -> Path | None:
    """Where a file of a recipe is now: where it was, or beside the picture that holds it. None if it is gone."""
    places = [input_path(name)]
    if beside is not None:
        places += [beside.parent / name, beside.parent / Path(name).name]
    return next((place for place in places if place.is_file()), None)


def open_input(recipe: Recipe, read: Callable[[Path], AnyPhoto], beside: Path | None = None) -> AnyPhoto:
    """The recipe's photograph, by `read_photo` or `read_header`; raises `RecipeError` where it is gone or another."""
    path = find_file(recipe.input, beside)
    if recipe.input_sha256.startswith(PIXELS):
        return open_array(recipe, path, read)
    if not recipe.input_sha256:  # not yet written down: a missing file is told as any other
        return read(path or input_path(recipe.input))
    return read_unchanged("input", path, (recipe.input, recipe.input_sha256), read, ELSEWHERE)


def open_start(recipe: VisualRecipe, beside: Path | None = None) -> Photo | None:
    """The photograph that a visualization begins as, None for noise; raises `RecipeError` as `open_input` does."""
    if recipe.start is None:
        return None
    return open_input(Recipe(recipe.start, recipe.start_sha256 or ""), read_photo, beside)


def hash_pixels(image: Image) -> str:
    """The digest of an input that is no file: the SHA-256 of its pixels, float32 (b, 3, h, w)."""
    return PIXELS + hashlib.sha256(image.float().cpu().contiguous().numpy().tobytes()).hexdigest()


def open_array(recipe: Recipe, path: Path | None, read: Callable[[Path], AnyPhoto]) -> AnyPhoto:
    """A file of the same pixels as an input that was none; raises `RecipeError` where nobody named one, or another."""
    if path is None:
        raise RecipeError("the input was an array in Python, not a file: say which picture holds it with --input")
    if hash_pixels(read_photo(path).image) != recipe.input_sha256:
        raise RecipeError(f"{path} does not hold the pixels that this was dreamed of, an array in Python")
    return read(path)


def read_unchanged(
    what: str, path: Path | None, known: tuple[str, str], read: Callable[[Path], AnyPhoto], or_else: str = ""
) -> AnyPhoto:
    """The picture at a path, whose (name, SHA-256) are known; raises `RecipeError` where it is gone or another."""
    name, digest = known
    if path is None or not path.is_file():
        raise RecipeError(f"the {what} {name} is gone: put it back{or_else}")
    photo = read(path)
    if photo.digest != digest:
        raise RecipeError(
            f"the {what} {path} changed since (sha256 {photo.digest[:12]}..., expected {digest[:12]}...): "
            f"put the old file back{or_else}"
        )
    return photo


def relocate_files(recipe: Recipe, beside: Path) -> Recipe:
    """The recipe with its guides and masks where they are now: where they were, or beside the picture that holds it."""
    places = {name: str(find_file(name, beside) or name) for name in recipe.files}

    def in_place(words: str) -> str:
        return str(parse_objective(words).relocated(places)) if words and recipe.guides else words

    return replace(
        recipe,
        objective=in_place(recipe.objective),
        guides={places[name]: digest for name, digest in recipe.guides.items()},
        masks=tuple(replace(each, file=places[each.file], objective=in_place(each.objective)) for each in recipe.masks),
    )


def fill_digests(recipe: Recipe) -> Recipe:
    """The recipe with the SHA-256 of every guide, file of directions and mask that it names and has none of yet."""
    words = [recipe.objective, *(each.objective for each in recipe.masks)]
    guides = digest_named([parse_objective(each) for each in words if each], recipe.guides)
    masks = tuple(
        replace(each, file=as_text(each.file), sha256=each.sha256 or read_header(each.file).digest)
        for each in recipe.masks
    )
    return replace(recipe, guides=guides, masks=masks)


def digest_named(wishes: Sequence[Objective], known: Mapping[str, str]) -> dict[str, str]:
    """The SHA-256 of every file that objectives name, by its name; those that are `known` already are taken over."""
    named = {**dict.fromkeys((file for wish in wishes for file in wish.files), ""), **known}
    return {as_text(name): digest or read_named(Path(name)).digest for name, digest in named.items()}


def relocate_wishes(recipe: VisualRecipe, beside: Path) -> VisualRecipe:
    """The visualization with what its objectives name where it is now, as `relocate_files`."""
    places = {name: str(find_file(name, beside) or name) for name in recipe.guides}
    if not places:
        return recipe
    wishes = [str(wish.relocated(places)) for wish in read_wishes(recipe.visualize)]
    guides = {places[name]: digest for name, digest in recipe.guides.items()}
    return replace(recipe, visualize="; ".join(wishes), guides=guides)


def check_guides(recipe: AnyRecipe) -> None:
    """Raises `RecipeError` where a guide of a recipe, or a file of directions, is gone or another."""
    for name, digest in recipe.guides.items():
        read_unchanged("guide" if is_picture(name) else "file", Path(name), (name, digest), read_named)


@dataclass(frozen=True)
class NamedFile:
    """A file that an objective names and that is no picture."""

    digest: str


def is_picture(name: str) -> bool:
    """Whether a file that an objective names is a picture, not one of directions."""
    return Path(name).suffix != ".safetensors"


def read_named(path: Path) -> Photo | NamedFile:
    """What an objective names, with its digest; raises `ImageFileError`, and `WeightsError` for one without access."""
    if is_picture(str(path)):
        return read_photo(path)
    try:
        return NamedFile(hash_file(path))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from None


def read_wish(recipe: Recipe) -> Objective | Regions:
    """What a recipe dreams of, its guides and masks found unchanged; raises `RecipeError` where they are not."""
    check_guides(recipe)
    if not recipe.masks:
        return parse_objective(recipe.objective)
    return Regions(tuple(region for each in recipe.masks for region in read_region(each).regions))


def read_region(wish: RegionWish) -> Regions:
    """A mask, read, and the objective there."""
    mask = extract_mask(read_unchanged("mask", Path(wish.file), (wish.file, wish.sha256), read_photo))
    try:
        return masked(wish.objective, mask)
    except SettingsError as error:
        raise ImageFileError(f"{wish.file}: {error}") from None


def whole_objective(recipe: Recipe) -> Objective:
    """All that a recipe wishes for anywhere, as one: what the memory must hold, and what its score adds up."""
    words = [each.objective for each in recipe.masks] or [recipe.objective]
    return Objective(tuple(term for each in words for term in parse_objective(each).terms))


def check_weights(model: Model, digest: str) -> Model:
    """The model; raises `RecipeError` where its weights are not those of a recipe. An empty digest takes any."""
    if digest and model.digest != digest:
        raise RecipeError(f"the weights of {model.name} are not those of the recipe (sha256 {digest[:12]}...)")
    return model
