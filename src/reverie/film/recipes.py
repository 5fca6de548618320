"""Reading the recipe back from a finished film, wherever its format keeps it."""

from __future__ import annotations

from pathlib import Path

from reverie.film.libraries import import_av

RECIPE_TAG = "REVERIE"
"""The tag of a container that holds the recipe. In capitals, since Matroska knows no others."""


def read_film_recipe(path: Path) -> str | None:
    """Read the recipe, a TOML text, that a film was written with; None if it holds none, or is no film."""
    av = import_av()
    try:
        with av.open(str(path.absolute())) as container:
            tags = {name.upper(): text for name, text in container.metadata.items()}
    except (OSError, ValueError, av.FFmpegError):
        return None
    return tags.get(RECIPE_TAG) or None
