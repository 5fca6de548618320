"""How a picture of the gallery was made, in words that a person reads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.models.catalog import RANDOM_WEIGHTS
from reverie.recipe.film import FilmRecipe, read_any_recipe
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.recipe.presets import PRESETS
from reverie.recipe.recipe import Recipe, VisualRecipe, read_text
from reverie.settings import Settings
from reverie.settings.visual import VisualSettings
from reverie.studio.cards import Card
from reverie.studio.restoring import differing, name_file

if TYPE_CHECKING:
    from reverie.studio.workshop import Workshop

APART = ("size", "seed", "steps", "octaves", "strength", "features", "panorama")
"""Settings that are told by themselves, or that say little of a look."""

ASTRONAUT = "the astronaut that comes with Reverie"

Facts = list[tuple[str, str]]


def tell_item(path: Path, card: Card, workshop: Workshop) -> dict[str, Any]:
    """What a page tells of an item: facts by name, the recipe as TOML, the command line, whether its photo is here."""
    told: dict[str, Any] = {**card.describe(), "facts": [], "toml": None, "command": None, "before": False}
    workshop.note_seconds()
    told["seconds"] = workshop.gallery.notes.find(path.name)
    try:
        recipe, text = read_any_recipe(path), read_text(path)
    except (ReverieError, OSError):
        return told
    told |= {"facts": tell_recipe(recipe), "toml": text, "command": f"reverie run {shlex.quote(str(path))}"}
    told["before"] = card.kind == "dream" and find_before(path, workshop) is not None
    return told


def find_before(path: Path, workshop: Workshop) -> Path | None:
    """The photo that a picture was dreamed of, where it is here; never what a stranger's recipe says where to find."""
    try:
        recipe = read_any_recipe(path)
    except (ReverieError, OSError):
        return None
    if not isinstance(recipe, Recipe):
        return None
    if recipe.input == EXAMPLE:
        return input_path(EXAMPLE)
    dropped = workshop.uploads.find_digest(recipe.input_sha256)
    return workshop.gallery.find_input(recipe.input_sha256) or (dropped.path if dropped else None)


def tell_recipe(recipe: Recipe | VisualRecipe | FilmRecipe) -> Facts:
    """A recipe as facts, each with its name; the most telling first."""
    if isinstance(recipe, FilmRecipe):
        changed = differing(recipe.motion.as_dict(), type(recipe.motion)().as_dict())
        return [*tell_dream(recipe.dream), (recipe.kind.capitalize(), spell(changed) or "as usual")]
    if isinstance(recipe, VisualRecipe):
        changed = differing(recipe.settings.as_dict(), VisualSettings().as_dict())
        facts = [("Wish", recipe.visualize), ("Look", f"a picture from {'a photo' if recipe.start else 'noise'}")]
        facts += [("Settings", spell({name: each for name, each in changed.items() if name not in APART}))]
        return drop_empty([*facts, ("Steps", str(recipe.settings.steps)), *tell_network(recipe, recipe.settings.seed)])
    return tell_dream(recipe)


def tell_dream(recipe: Recipe) -> Facts:
    """The facts of a dream."""
    settings = recipe.settings.as_dict()
    masks = [(f"Wish in {Path(each.file).name}", each.objective) for each in recipe.masks]
    octaves = settings.get("octaves")
    steps = f"{settings['steps']} in {f'each of {octaves} octaves' if octaves else 'every octave'}"
    if recipe.only_steps is not None:
        steps += f"; stopped after {recipe.only_steps} of them"
    photo = ASTRONAUT if recipe.input == EXAMPLE else name_file(recipe.input)
    facts = [("Wish", recipe.objective), *masks, ("Photo", photo), ("Look", tell_look(settings))]
    facts += [("Strength", f"{settings['strength']:.0%}")] if settings.get("strength", 1) != 1 else []
    facts += [("Panorama", "all around")] if recipe.settings.around else []
    return drop_empty([*facts, ("Steps", steps), *tell_network(recipe, settings["seed"])])


def tell_look(settings: Mapping[str, Any]) -> str:
    """The preset whose settings these are, or how they differ from the usual ones."""
    looks = {name: strip(settings_of(each.settings)) for name, each in PRESETS.items()}
    own = strip(settings)
    exact = next((name for name, each in looks.items() if each == own), None)
    if exact is not None:
        return exact
    nearest = min(looks, key=lambda name: len(differing(own, looks[name])))
    return f"{nearest}, but {spell(differing(own, looks[nearest]))}"


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a preset."""
    return Settings.of(values).as_dict()


def strip(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that are told apart, each of the others named."""
    named = {**Settings().as_dict(), **settings}
    return {name: value for name, value in named.items() if name not in APART}


def tell_network(recipe: Recipe | VisualRecipe, seed: int) -> Facts:
    """The network, and what chance began from."""
    own = {None: "", RANDOM_WEIGHTS: ", untrained"}
    weights = own.get(recipe.weights, f", with the weights {Path(recipe.weights or '').name}")
    engine = "" if recipe.engine == "torch" else f", by {recipe.engine}"
    return [("Seed", str(seed)), ("Network", f"{recipe.model}{weights}{engine}"), ("Reverie", recipe.version)]


def spell(values: Mapping[str, Any]) -> str:
    """Settings in one line: `smoothing 0.7, jitter 8`."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None)


def drop_empty(facts: Facts) -> Facts:
    """The facts that say something."""
    return [(name, text) for name, text in facts if text]
