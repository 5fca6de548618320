"""Where the pictures go: decided, and refused, before any work is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie.errors import ImageFileError
from reverie.image.formats import check_output
from reverie.recipe.inputs import EXAMPLE, path_of

WRITABLE = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif"}


@dataclass(frozen=True)
class Job:
    """One picture to dream: what its input is called, where that is, and where the dream goes."""

    name: str
    path: Path
    target: Path


def jobs_of(photos: Sequence[Path], output: Path | None, read: Sequence[Path] = ()) -> list[Job]:
    """A job for each photo, or for the bundled example; raises `ImageFileError` for an impossible one.

    `read`: what else is read, and so must not be written over.
    """
    names = [str(photo) for photo in photos] or [EXAMPLE]
    paths = [path_of(name) for name in names]
    try:
        targets = targets_of(paths, output)
        for target in targets:
            check_output(target, [*paths, *read])
    except ImageFileError:
        raise
    except OSError as error:  # such as a name too long for any file
        raise ImageFileError(f"{output or error.filename} cannot be written: {error.strerror}") from None
    return [Job(*each) for each in zip(names, paths, targets, strict=True)]


def targets_of(paths: Sequence[Path], output: Path | None) -> list[Path]:
    if output is None:
        targets: list[Path] = []
        for path in paths:
            targets.append(free(Path(), f"{path.stem}-dream", ending(path), targets))
        return targets
    if len(paths) == 1 and output.suffix and not output.is_dir():
        return [output]
    if output.suffix and not output.is_dir():
        raise ImageFileError(f"{output} is one picture, and {len(paths)} are to be dreamed: name a folder with -o")
    return inside(output, paths)


def inside(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """A name in the folder for each photo; the folder is made, if the one that holds it is there."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    targets: list[Path] = []
    for path in paths:
        number, target = 1, folder / f"{path.stem}{ending(path)}"
        while target in targets:  # two photos of one name from two folders
            number += 1
            target = folder / f"{path.stem}-{number}{ending(path)}"
        targets.append(target)
    return targets


def free(folder: Path, stem: str, suffix: str, taken: Collection[Path] = ()) -> Path:
    """The first of stem, stem-2, stem-3 ... that is neither there yet nor taken."""
    number, target = 1, folder / f"{stem}{suffix}"
    while target in taken or target.exists():
        number += 1
        target = folder / f"{stem}-{number}{suffix}"
    return target


def again(picture: Path) -> Path:
    """A free name in this folder for a picture, or a recipe, that is made again."""
    return free(Path(), f"{picture.stem}-again", picture.suffix if picture.suffix != ".toml" else ".png")


def ending(path: Path) -> str:
    """The photo's own ending where it can be written, PNG elsewhere."""
    return path.suffix if path.suffix.lower() in WRITABLE else ".png"
