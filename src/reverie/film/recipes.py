"""Reading the recipe back from a finished film, wherever its format keeps it."""

from __future__ import annotations

from pathlib import Path

from reverie.errors import RecipeError
from reverie.film.containers import open_source
from reverie.film.formats import RECIPE_FILE
from reverie.film.gif import read_comment
from reverie.image.embedding import read_recipe_text

RECIPE_TAG = "REVERIE"
"""The tag of a container that holds the recipe. In capitals, since Matroska knows no others."""


def read_film_recipe(path: Path) -> str | None:
    """Read the recipe, a TOML text, that a film was written with; None if it holds none, or is no film.

    A film is a file, or a folder of frames.
    """
    try:
        if path.is_dir():
            return (path / RECIPE_FILE).read_text("utf-8")
        with path.open("rb") as file:
            start = file.read(12)
        if start.startswith(b"GIF8"):
            return read_comment(path)
        if start.startswith(b"\x89PNG") or start[:4] + start[8:] == b"RIFFWEBP":
            return read_recipe_text(path)
        return read_recipe_tag(path)
    except (OSError, ValueError, RecipeError):
        return None


def read_recipe_tag(path: Path) -> str | None:
    """Read the recipe among the tags of a container; raises FilmError for what is none."""
    with open_source(path) as source:
        tags = {name.upper(): text for name, text in source.container.metadata.items()}
    return tags.get(RECIPE_TAG) or None
