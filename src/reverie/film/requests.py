"""What a user asks for of a film: the dream of its frames, how they follow one another, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reverie.errors import FilmError, SettingsError
from reverie.film.film_job import FilmJob
from reverie.film.keyframes.table import merge_sets, parse_table, read_keyframe_file
from reverie.film.morph_maker import spread_wishes
from reverie.film.writing.formats import ENDINGS
from reverie.jobs.networks import Networks
from reverie.jobs.places import free_path, make_folder, name_within
from reverie.recipe.config import read_film_tables
from reverie.recipe.film import KINDS, FilmRecipe, Motion
from reverie.recipe.inputs import EXAMPLE
from reverie.recipe.request import Request, check_words, make_recipe
from reverie.settings.film import Encoding, MorphSettings


@dataclass(frozen=True)
class FilmWords:
    """What the command line says of a film beside the dream: flags by name, keyframes, and a configuration's file."""

    motion: Mapping[str, Any]
    encoding: Mapping[str, Any]
    keyframes: Path | None = None
    sets: Sequence[str] = ()
    config: Path | None = None


@dataclass(frozen=True)
class FilmRequest:
    """What to dream of each frame, and all that a film needs beside it."""

    dream: Request
    motion: Motion
    encoding: Encoding
    keyframes: str = ""

    @classmethod
    def read(cls, dream: Request, kind: str, words: FilmWords) -> FilmRequest:
        """Puts together what was said; flags win over the configuration.

        `kind`: "film", "zoom" or "morph". Raises `SettingsError`, `UnknownName`, `RecipeError`.
        """
        check_words(dream)
        found = read_film_tables(words.config) if words.config else {}
        said = {**found.get(kind, {}), **words.motion}
        dream, said = move_strength(dream, kind, said)
        motion = KINDS[kind].of(said)
        encoding = Encoding.of({**found.get("encoding", {}), **words.encoding})
        text = read_keyframe_file(words.keyframes) if words.keyframes else found.get("keyframes", "")
        return cls(dream, motion, encoding, merge_sets(text, words.sets) if words.sets else text)

    def with_wishes(self, objectives: Sequence[str]) -> FilmRequest:
        """The same of a morph through these wishes; raises `SettingsError` where keyframes say others."""
        if not isinstance(self.motion, MorphSettings) or len(objectives) < 2:
            if not self.keyframes:
                raise SettingsError(
                    'a morph goes from wish to wish: say --objective at least twice, as in --objective "fire3^2" '
                    '--objective "fire8^2", or --keyframes'
                )
            return self
        table = parse_table(self.keyframes)
        if table.wishes:
            raise SettingsError("the keyframes have wishes of their own: leave out --objective, or the keyframes")
        wishes = parse_table(spread_wishes(objectives, self.motion.loop)).wishes
        return replace(self, keyframes=replace(table, wishes=wishes).to_toml())


def move_strength(dream: Request, kind: str, said: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    """The strength of a dream, as a picture's recipe says it, as that of the film; of frames all is carried on."""
    strength = dream.settings.strength
    if strength == 1:
        return dream, said
    if kind == "zoom":
        raise SettingsError(f"strength is {strength}, and a zoom feeds on its own dream: leave it out")
    dream = replace(dream, settings=replace(dream.settings, strength=1.0))
    return dream, {"strength": strength, **said}


def plan_film(asked: FilmRequest, name: str, target: Path, models: Networks, **work: Any) -> FilmJob:
    """The job of a film, or of a photo's zoom or morph; `work` is what `FilmJob` takes of `keep` and `clean`."""
    model = models.load(asked.dream.model, asked.dream.settings.seed)
    recipe = FilmRecipe(make_recipe(asked.dream, name, model), asked.motion, asked.encoding, asked.keyframes)
    return FilmJob(recipe, target, asked.dream.memory, asked.dream.model.device, allow_code=True, **work)


def place_films(films: Sequence[Path], output: Path | None) -> list[tuple[str, Path]]:
    """The name and the place of each film; raises `FilmError` for one place and many films."""
    if output is None:
        return [(str(film), free_path(Path(), f"{film.stem}-dream", choose_ending(film))) for film in films]
    if len(films) == 1 and (output.suffix or not output.is_dir()):
        return [(str(films[0]), output)]
    if output.suffix in ENDINGS:
        raise FilmError(f"{output} is one film, and {len(films)} are to be dreamed: name a folder with -o")
    return list(zip(map(str, films), name_within(make_folder(output), films, choose_ending), strict=True))


def choose_ending(film: Path) -> str:
    """The film's own ending where it can be written, else MP4."""
    return film.suffix.lower() if film.suffix.lower() in ENDINGS else ".mp4"


def place_from_photo(photo: Path | None, output: Path | None, kind: str) -> tuple[str, Path]:
    """The name of a photo, or of the bundled one, and the place of what is made of it."""
    name = EXAMPLE if photo is None else str(photo)
    stem = "astronaut" if photo is None else photo.stem
    return name, output or free_path(Path(), f"{stem}-{kind}", ".mp4")
