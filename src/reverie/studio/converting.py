"""A picture of the gallery in another format, with its recipe, as it is taken home."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reverie.errors import RecipeError, ReverieError, SettingsError
from reverie.image.embedding import read_recipe_text
from reverie.image.formats import WRITABLE_ENDINGS, find_format
from reverie.image.opening import open_picture
from reverie.image.reading import MAX_PIXELS, read_photo
from reverie.image.writing import copy_picture, keeps_samples, save_image


def convert(path: Path, ending: str, folder: Path) -> Path:
    """The picture in the format of an ending, in a temporary file of a folder; its recipe reads back equal.

    PNG and TIFF hold the samples, the alpha and the profile as they were; the others what they can. Raises
    `SettingsError` for a format that is none, and `ImageFileError` for what it cannot hold.
    """
    if ending not in WRITABLE_ENDINGS:
        known = ", ".join(each[1:] for each in WRITABLE_ENDINGS)
        raise SettingsError(f"format is {ending[1:]!r}; expected one of {known}")
    with tempfile.NamedTemporaryFile(dir=folder, suffix=ending, delete=False) as file:
        target = Path(file.name)
    try:
        write_as(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def write_as(path: Path, target: Path) -> None:
    """Writes a picture in another format: sample by sample where that can be, else as a photograph is written."""
    recipe, picture = find_recipe_text(path), open_picture(path)
    if keeps_samples(picture, find_format(target)) and picture.width * picture.height <= MAX_PIXELS:
        copy_picture(path, target, recipe)
        return
    photo = read_photo(path)
    save_image(photo.image, target, like=photo, recipe=recipe or "")


def find_recipe_text(path: Path) -> str | None:
    """The recipe within a picture, None where there is none."""
    try:
        return read_recipe_text(path)
    except RecipeError:
        return None


def is_same_format(path: Path, ending: str) -> bool:
    """Whether a file has the format of an ending already, by whatever name."""
    try:
        return find_format(path) is find_format(Path(f"it{ending}"))
    except ReverieError:
        return False
