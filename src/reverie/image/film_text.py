"""The recipe within a film, wherever its format keeps a text: a tag of its container, a comment, a file in a folder."""

from __future__ import annotations

import importlib
from pathlib import Path

from reverie.errors import MissingExtra, RecipeError
from reverie.image.embedding import read_recipe_text
from reverie.image.gif import read_comment
from reverie.image.opening import escape_path

RECIPE_TAG = "REVERIE"
"""The tag of a container that holds the recipe. In capitals, since Matroska knows no others."""

RECIPE_FILE = "recipe.toml"
"""The recipe's file in a folder of frames."""

CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""The endings of films whose texts are tags."""


def is_film(path: Path) -> bool:
    """Whether a path is that of a film: by its ending, or a folder of frames that holds a recipe."""
    return path.suffix.lower() in (*CONTAINERS, ".gif") or (path / RECIPE_FILE).is_file()


def read_film_text(path: Path) -> str:
    """The recipe, a TOML text, that a film was written with; raises `RecipeError` for one that holds none.

    A film is a file, or a folder of frames. Pictures that move (WebP, APNG) keep it where others do.
    """
    try:
        text = find_film_text(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{escape_path(path)} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not text:
        raise RecipeError(f"{escape_path(path)} holds no recipe; expected a film that Reverie made")
    return text


def find_film_text(path: Path) -> str | None:
    """The recipe of a film, None if there is none; raises OSError, ValueError, `RecipeError`."""
    if path.is_dir():
        return (path / RECIPE_FILE).read_text("utf-8") if (path / RECIPE_FILE).is_file() else None
    with path.open("rb") as file:
        start = file.read(12)
    if start.startswith(b"GIF8"):
        return read_comment(path)
    if start.startswith(b"\x89PNG") or start[:4] + start[8:] == b"RIFFWEBP":
        return read_recipe_text(path)
    return read_tag(path)


def read_tag(path: Path) -> str | None:
    """The recipe among the tags of a container."""
    try:
        av = importlib.import_module("av")
    except ImportError:
        raise MissingExtra("the recipe of a film", "film") from None
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        return {name.upper(): text for name, text in container.metadata.items()}.get(RECIPE_TAG)
