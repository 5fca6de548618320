"""The run of a dream whose picture fits into memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from reverie._native.memory import peak_memory
from reverie.ascent.looks import OctaveChanges
from reverie.ascent.octaves import dream_steps, plan_octaves, render_full_size
from reverie.errors import ImageTooSmall, SettingsError
from reverie.gradient.base import make_score_function
from reverie.gradient.compose import choose_base_resize, choose_resize, dream_gradient, make_finish, make_region_weights
from reverie.image.panorama import update_sphere_metadata
from reverie.image.reading import Photo
from reverie.image.resample import image_size, limit_longest_side, resize_longest_side, scale_size
from reverie.image.writing import save_image
from reverie.jobs.job import Progress, Report
from reverie.objectives.base import Objective
from reverie.objectives.masks import Regions, make_gray
from reverie.recipe.inputs import read_wish
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings
from reverie.types import Image, Model, ResizedImage, Step


class MemoryRun:
    """A dream, step by step, in memory."""

    keeps_its_work = False

    def __init__(
        self,
        recipe: Recipe,
        photo: Photo,
        model: Model,
        target: Path | None,
        detail: Image | None = None,
        wish: Objective | Regions | None = None,
    ) -> None:
        """`photo` is the input, `detail` what was dreamed before; `wish` stands for what the recipe says in words."""
        self.recipe, self.photo, self.model, self.target = recipe, photo, model, target
        self.title = photo.path.name
        self.start: Image = resize_longest_side(
            photo.image.to(model.device), recipe.settings.size, choose_resize(recipe.settings)
        )
        if recipe.settings.gray:
            self.start = make_gray(self.start)
        """The photograph at the size of the dream (1, 3, h, w)."""
        self.last: Step | None = None
        self.taken = 0
        """How many steps were made, all octaves counted."""
        self.finished = False
        self.wish = read_wish(recipe) if wish is None else wish
        self.settings = color_settings(recipe.settings)
        """Those that it is dreamed with; how it is shown is said by the recipe's."""
        self._finish = make_finish(make_region_weights(self.wish, self.settings), self.settings)
        self._stream = dream_recipe(replace(recipe, settings=self.settings), self.start, model, self.wish, detail)
        self._seconds, self._detail = 0.0, detail
        self._changes = OctaveChanges(self.start, self.settings, detail) if recipe.settings.features else None
        self._previews = Previews(self.start, self.settings)

    def keep_octaves(self) -> None:
        """Keeps what each octave changes, so that `restyle` can weigh them when it is done. To be said at first."""
        if self._changes is None and self.last is None and self.settings.handover == "detail":
            self._changes = OctaveChanges(self.start, self.settings, self._detail)

    def restyle(self, strength: float | None = None, features: float | None = None) -> None:
        """Changes how much of the dream is shown, and which sizes of features, without dreaming again.

        Raises `SettingsError` for another number than a setting takes, and for features where no octaves were kept.
        """
        if features and self._changes is None:
            raise SettingsError("the octaves of this dream were not kept apart: dream it again with these features")
        look = self.recipe.settings
        strength = look.strength if strength is None else strength
        features = look.features if features is None else features
        self.recipe = replace(self.recipe, settings=replace(look, strength=strength, features=features))

    def steps(self) -> Iterator[Step]:
        """The steps that are still to be made, as the ascent makes them."""
        while True:
            began = time.monotonic()
            step = next(self._stream, None)
            self._seconds += time.monotonic() - began
            if step is None:
                break
            self.last, self.taken = step, self.taken + 1
            if self._changes is not None:
                self._changes.keep(step)
            yield step
        self.finished = True

    def __iter__(self) -> Iterator[Progress]:
        share = share_of_steps(image_size(self.start), self.recipe.settings)
        for step in self.steps():
            yield self._progress(step, share(step))

    def _progress(self, step: Step, share: float) -> Progress:
        return Progress(
            share=share,
            octave=step.octave,
            octaves=step.octaves,
            place=f"octave {step.octave + 1}/{step.octaves} step {step.number + 1}/{step.steps}",
            size=image_size(step.image),
            milestone=step.number in (0, step.steps - 1),
            measure=lambda: float(step.score.mean()),
            draw=lambda longest: self.preview(step, longest),
        )

    def whole(self, step: Step) -> Image:
        """The picture after a step at the size of the dream: the photograph, and what was dreamed so far."""
        if self.recipe.settings.features and self._changes is not None:
            detail = self._changes.weigh(step, self.recipe.settings.features)
            picture = add_detail(self.start, detail, self.settings)
        else:
            picture = render_full_size(step, self.start, self.settings)
        return self.show(picture, self.start)

    def preview(self, step: Step, longest: int) -> Image:
        """The same, no side longer than so many pixels; what is small is computed small."""
        if longest >= max(image_size(self.start)) or self.settings.handover == "picture" or self.settings.overshoot:
            return limit_longest_side(self.whole(step), longest)
        photo, features = self._previews.shrink(longest), self.recipe.settings.features
        if features and self._changes is not None:
            detail = self._changes.weigh(step, features)
        else:
            detail = step.image - self._previews.base(image_size(step.image))
        return self.show(add_detail(photo, detail, self.settings), photo)

    def show(self, dreamed: Image, photo: ResizedImage) -> Image:
        """A dreamed picture as the settings show it: in its strength, outside of masks as it was, in gray."""
        dreamed, look = self._finish(dreamed, photo), self.recipe.settings
        if look.strength != 1:
            photo = choose_base_resize(self.settings)(photo, image_size(dreamed))
            dreamed = torch.lerp(photo, dreamed, look.strength)
        return make_gray(dreamed) if look.gray else dreamed

    def image(self) -> Image:
        return self.start if self.last is None else self.whole(self.last)

    @property
    def written_recipe(self) -> Recipe:
        return self.recipe if self.finished else replace(self.recipe, only_steps=self.taken)

    def save(self, path: Path | None = None) -> Path:
        path, image = path or self.target or Path(), self.image()
        like = update_sphere_metadata(self.photo, self.recipe.settings, image_size(image))
        save_image(image.cpu(), path, like=like, recipe=self.written_recipe.to_toml())
        return path

    def report(self) -> Report:
        return Report(
            output=str(self.target or ""),
            model=self.recipe.model,
            objective=self.recipe.wishes,
            score_start=self._score(self.start),
            score_end=self._score(self.image()),
            steps=self.recipe.settings.steps,
            octaves=self.last.octaves if self.last else 0,
            seconds=round(self._seconds, 3),
            peak_memory_bytes=peak_memory(),
            device=str(self.model.device),
            precision=self.recipe.precision,
            recipe=self.written_recipe.to_toml(),
        )

    def _score(self, image: Image) -> float | None:
        """The score of a picture; None where only its larger octaves could be dreamed of, or it is not finite."""
        try:
            value = float(make_score_function(self.model, self.wish.objective, self.start)(image).mean())
        except ImageTooSmall:
            return None
        return value if math.isfinite(value) else None


class Previews:
    """The photograph small, and at the size of the octave that is dreamed: each resized once."""

    def __init__(self, photo: Image, settings: Settings) -> None:
        self._photo, self._resize = photo, choose_base_resize(settings)
        self._small: Image | None = None
        self._base: Image | None = None

    def shrink(self, longest: int) -> Image:
        """The photograph, its longest side so many pixels."""
        size = scale_size(image_size(self._photo), longest)
        if self._small is None or image_size(self._small) != size:
            self._small = self._resize(self._photo, size)
        return self._small

    def base(self, size: tuple[int, int]) -> Image:
        """The photograph at the size of an octave."""
        if self._base is None or image_size(self._base) != size:
            self._base = self._resize(self._photo, size)
        return self._base


def add_detail(photo: Image, detail: ResizedImage, settings: Settings) -> Image:
    """The photograph plus what was dreamed, which is of any size."""
    return (photo + choose_resize(settings)(detail, image_size(photo))).clamp(0, 1)


def color_settings(settings: Settings) -> Settings:
    """The settings that a dream is made with: gray is a gray photo whose colors are kept."""
    return replace(settings, keep_color=True) if settings.gray else settings


def dream_recipe(
    recipe: Recipe, image: Image, model: Model, wish: Objective | Regions, detail: Image | None = None
) -> Iterator[Step]:
    """The steps of a recipe on its photograph, which is at the size of the dream."""
    gradient = dream_gradient(model, wish, recipe.settings, recipe.tile, image)
    return islice(dream_steps(image, gradient, recipe.settings, detail), recipe.only_steps)


def share_of_steps(size: tuple[int, int], settings: Settings) -> Callable[[Step], float]:
    """How much of a dream of (height, width) is done after a step: steps cost as much as their octave has pixels."""
    areas = [height * width for height, width in plan_octaves(size, settings)]

    def share(step: Step) -> float:
        done = sum(areas[: step.octave]) + areas[step.octave] * (step.number + 1) / step.steps
        return done / sum(areas)

    return share
