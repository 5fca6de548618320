"""Films that were begun and not finished: their work lies beside them in the gallery, and they can be gone on with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.film.film_job import FilmRun
from reverie.film.writing.store import SegmentStore
from reverie.recipe.film import FilmRecipe
from reverie.studio.gallery import WORK
from reverie.studio.refusals import NotThere

if TYPE_CHECKING:
    from reverie.studio.dreams import Dream
    from reverie.studio.workshop import Workshop

NOTE = "studio"
"""What the text in the work folder is called from which a film is found again."""


@dataclass(frozen=True)
class Begun:
    """A film that was begun. `counts` are the frames of each of its parts, `kept` those that are made."""

    target: Path
    title: str
    recipe: FilmRecipe
    counts: tuple[int, ...]
    kept: int

    def describe(self) -> dict[str, Any]:
        """What a page knows of it."""
        told = {"name": self.target.name, "title": self.title, "kind": self.recipe.kind}
        wish = self.recipe.dream.objective
        return told | {"wish": wish, "kept": self.kept, "frames": sum(self.counts)}


def note_down(run: FilmRun, title: str) -> None:
    """Has a run keep beside its work what it takes to go on with it: its recipe, and how long it will be."""
    counts = [each.count for each in run.maker.segments]
    told = {"title": title, "recipe": run.recipe.to_toml(), "counts": counts}
    run.notes = {**run.notes, NOTE: json.dumps(told)}


def read_begun(target: Path) -> Begun | None:
    """The film that was begun for a place in the gallery; None where there is none that can be gone on with."""
    folder = target.with_name(f".{target.name}{WORK}")
    try:
        told = json.loads((folder / f"{NOTE}.txt").read_text("utf-8"))
        recipe, counts = FilmRecipe.from_toml(told["recipe"]), tuple(map(int, told["counts"]))
    except (OSError, ValueError, KeyError, TypeError, ReverieError):
        return None
    done = [(folder / f"{number:06}.segment", folder / f"{number:06}.state") for number in range(len(counts))]
    kept = sum(count for count, pair in zip(counts, done, strict=True) if all(each.exists() for each in pair))
    return Begun(target, str(told.get("title", target.name)), recipe, counts, kept)


def list_begun(workshop: Workshop) -> list[dict[str, Any]]:
    """All films that were begun and are not finished, those begun last first; `key` is the dream that makes one now."""
    folders = sorted(workshop.gallery.folder.glob(f".*{WORK}"), key=lambda each: -each.stat().st_mtime)
    found = [read_begun(each.with_name(each.name[1:].removesuffix(WORK))) for each in folders]
    told = []
    for each in found:
        if each is not None:
            dream = find_maker(each.target, workshop)
            told.append({**each.describe(), "key": None if dream is None else dream.key})
    return told


def find_begun(name: str, workshop: Workshop) -> Begun:
    """The film of that name that was begun; raises `NotThere`, also while it is being made."""
    target = workshop.gallery.folder / name
    found = read_begun(target) if name == target.name and not name.startswith(".") else None
    if found is None:
        raise NotThere(f"no film is called {name[:80]} that could be gone on with")
    if find_maker(target, workshop) is not None:
        raise NotThere(f"{name} is being made already")
    return found


def find_maker(target: Path, workshop: Workshop) -> Dream | None:
    """The dream that makes a film now, or waits to."""
    return workshop.dreams.find_task(target)


def discard(name: str, workshop: Workshop) -> None:
    """Deletes what was made of a film; raises `NotThere`, `ImageFileError` where another process is making it."""
    found = find_begun(name, workshop)
    store = SegmentStore.beside(found.target, found.recipe.to_toml())
    with store.held():
        store.finish(keep=False)
