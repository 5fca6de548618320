"""Where pictures go: decided, and refused, before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie.errors import ImageFileError
from reverie.image.formats import WRITABLE_ENDINGS, check_output
from reverie.recipe.inputs import EXAMPLE, input_path


@dataclass(frozen=True)
class Place:
    """One photograph to dream: what a recipe calls it, where it is, and where its dream goes."""

    name: str
    path: Path
    target: Path


def place_outputs(photos: Sequence[Path], output: Path | None, read: Sequence[Path] = ()) -> list[Place]:
    """A place for each photo, or for the bundled example; raises `ImageFileError` for an impossible one.

    `read`: what else is read, and so must not be written over.
    """
    names = [str(photo) for photo in photos] or [EXAMPLE]
    paths = [input_path(name) for name in names]
    try:
        targets = choose_targets(paths, output)
        for target in targets:
            check_output(target, [*paths, *read])
    except ImageFileError:
        raise
    except OSError as error:  # such as a name too long for any file
        raise ImageFileError(f"{output or error.filename} cannot be written: {error.strerror}") from None
    return [Place(*each) for each in zip(names, paths, targets, strict=True)]


def choose_targets(paths: Sequence[Path], output: Path | None) -> list[Path]:
    """The file of each dream: the output itself, one within it where it is a folder, or a free name in this folder."""
    if output is None:
        targets: list[Path] = []
        for path in paths:
            targets.append(free_path(Path(), f"{path.stem}-dream", writable_ending(path), targets))
        return targets
    if len(paths) == 1 and output.suffix and not output.is_dir():
        return [output]
    if output.suffix and not output.is_dir():
        raise ImageFileError(f"{output} is one picture, and {len(paths)} are to be dreamed: name a folder with -o")
    return name_within(make_folder(output), paths)


def make_folder(folder: Path) -> Path:
    """The folder, made if it is not there and the one that holds it is; raises `ImageFileError` where it cannot be."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return folder


def free_path(folder: Path, stem: str, suffix: str, taken: Collection[Path] = ()) -> Path:
    """The first of stem, stem-2, stem-3 ... that is neither there yet nor taken."""
    number, target = 1, folder / f"{stem}{suffix}"
    while target in taken or target.exists():
        number += 1
        target = folder / f"{stem}-{number}{suffix}"
    return target


def place_again(picture: Path) -> Path:
    """A free name in this folder for a picture, or a recipe, that is made again."""
    return free_path(Path(), f"{picture.stem}-again", picture.suffix if picture.suffix != ".toml" else ".png")


def name_wish(words: str) -> str:
    """A file's name of a wish: `fire8-61`."""
    letters = "".join(each if each.isalnum() else "-" for each in words)
    return "-".join(part for part in letters.split("-") if part)[:80] or "wish"


def writable_ending(path: Path) -> str:
    """The photo's own ending where it can be written, PNG elsewhere."""
    return path.suffix if path.suffix.lower() in WRITABLE_ENDINGS else ".png"


def name_within(
    folder: Path, paths: Iterable[Path], choose_ending: Callable[[Path], str] = writable_ending
) -> list[Path]:
    """A name in the folder for each photo, or film; two of one name get two."""
    targets: list[Path] = []
    for path in paths:
        number, target = 1, folder / f"{path.stem}{choose_ending(path)}"
        while target in targets:
            number += 1
            target = folder / f"{path.stem}-{number}{choose_ending(path)}"
        targets.append(target)
    return targets
