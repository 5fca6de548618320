"""Keyframes: what a film dreams of, and how, at every frame of it.

text     = merge_sets(read_keyframe_file(path), sets)     what a recipe holds
schedule = read_schedule(text, clock, sound, objective)   all of it checked, for every frame
moment   = schedule.at(frame)                             what differs from the recipe at this frame
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reverie.errors import SettingsError
from reverie.film.keyframes.changing import FILM_FIELDS, Curve, find_changing
from reverie.film.keyframes.cross_fades import FadingMask, FadingWish, read_fading_masks, read_fading_wishes
from reverie.film.keyframes.schedules import make_variables, read_values
from reverie.film.keyframes.table import parse_table
from reverie.film.keyframes.times import Clock
from reverie.objectives.base import Objective, Term, make_term_objective
from reverie.objectives.parser import objective as parse_objective
from reverie.settings import Settings
from reverie.settings.fields import Setting
from reverie.types import CHANGE_LAYER

log = logging.getLogger("reverie")

TOGETHER = ("octaves", "larger_octaves")
"""The settings that are bounded by each other."""


class MaskShare(NamedTuple):
    """A mask's file, what is wished for there, and how much of it there is, above 0 to 1."""

    file: str
    objective: str
    share: float


@dataclass(frozen=True)
class Moment:
    """What differs from a film's recipe at one frame."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `Settings`, by name."""
    film: dict[str, Any] = field(default_factory=dict)
    """Fields of the film's own settings (`FilmSettings`, `ZoomSettings` or `MorphSettings`), by name."""
    objective: str | None = None
    """The whole wish, in words; None: the recipe's."""
    masks: tuple[MaskShare, ...] | None = None
    """The masks that are there; empty: the frame stays as it is. None: the recipe's."""


@dataclass(frozen=True)
class Schedule:
    """What changes over a film: curves, wishes and masks, each with a number for every frame.

    It depends on nothing but the text of the keyframes, the clock and the sound.

    >>> from reverie.film.keyframes.moments import read_schedule
    >>> from reverie.film.keyframes.times import Clock
    >>> schedule = read_schedule('curves.step_size = "0:(0.01), 30:(0.03)"', Clock.steady(frames=31, rate=25))
    >>> schedule.at(15).settings
    {'step_size': 0.02}
    """

    clock: Clock
    curves: tuple[Curve, ...] = ()
    wishes: tuple[FadingWish, ...] = ()
    masks: tuple[FadingMask, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files of masks, and those that wishes name, each once."""
        named = [file for each in self.objectives for file in each.files]
        return tuple(dict.fromkeys([*(each.file for each in self.masks), *named]))

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that is wished for at any time, as far as the keyframes say it: what the memory must hold."""
        added = tuple(make_term_objective(each.term) for each in self.curves if each.term is not None)
        return (*list_objectives(self.wishes, self.masks), *added)

    def at(self, frame: int) -> Moment:
        """What differs from the recipe at a frame, from 0; raises `IndexError` where there is none."""
        if not 0 <= frame < self.clock.frames:
            raise IndexError(f"frame {frame} of {self.clock.frames}")
        values: dict[str, dict[str, Any]] = {"dream": {}, "film": {}}
        weights: dict[Term, float] = {}
        for curve in self.curves:
            if curve.term is None:
                values[curve.kind][curve.name] = curve.values[frame]
            else:
                weights[curve.term] = curve.values[frame]
        objective = str(mix_wishes(self.wishes, weights, frame)) if self.wishes else None
        masks = tuple(share_masks(self.masks, weights, frame)) if self.masks else None
        return Moment(values["dream"], values["film"], objective, masks)

    def check_with(self, settings: Settings) -> None:
        """Raises `SettingsError` for the first frame whose settings do not fit each other, or the recipe's."""
        together = [each for each in self.curves if each.kind == "dream" and each.name in TOGETHER]
        seen = dict[tuple[float, ...], int]()
        for frame, values in enumerate(zip(*(each.values for each in together), strict=True)):
            seen.setdefault(values, frame)
        for values, frame in seen.items():
            try:
                said = {each.name: value for each, value in zip(together, values, strict=True)}
                dataclasses.replace(settings, **said)  # type: ignore[arg-type]  # numbers of the fields that they name
            except SettingsError as error:
                raise SettingsError(f"at frame {frame}: {error}") from None


def list_objectives(wishes: Sequence[FadingWish], masks: Sequence[FadingMask]) -> list[Objective]:
    """All that is wished for at any time."""
    return [*(each.objective for each in wishes), *(each.objective for each in masks)]


def mix_wishes(wishes: Sequence[FadingWish], weights: Mapping[Term, float], frame: int) -> Objective:
    """The sum of the wishes at a frame, each term once; `weights` are those that terms have within each wish."""
    mixed = dict[Term, float]()
    for wish in wishes:
        share = wish.shares[frame]
        for own, term in wish.objective.terms if share else ():
            # a wish's weight evens out strengths of gradients, and the pull of `keep` is added to a step of one size
            factor = share * (1.0 if term.layer == CHANGE_LAYER else wish.weight)
            mixed[term] = mixed.get(term, 0.0) + factor * weights.get(term, own)
    there = [(float(f"{weight:.6g}"), term) for term, weight in mixed.items() if weight]
    return Objective(tuple(there) or ((0.0, next(iter(mixed))),))  # silence: a wish of no weight changes nothing


def share_masks(masks: Sequence[FadingMask], weights: Mapping[Term, float], frame: int) -> Iterator[MaskShare]:
    """The masks that are there at a frame; `weights` are those that terms have within each mask's wish."""
    for mask in masks:
        if mask.shares[frame]:
            terms = tuple((weights.get(term, own), term) for own, term in mask.objective.terms)
            yield MaskShare(mask.file, str(Objective(terms)), mask.shares[frame])


def read_schedule(
    text: str,
    clock: Clock,
    sound: Mapping[str, Sequence[float]] | None = None,
    objective: str = "",
    fields: Sequence[Setting] = FILM_FIELDS,
) -> Schedule:
    """The schedule of keyframes, each value of it checked.

    Args:
        text: the keyframes, a TOML text; empty for none.
        clock: when the film's frames are shown.
        sound: "level", "low", "mid", "high" and "flux" of each frame, 0..1; None where there is no film to hear.
        objective: the wish of the recipe in words, which the keyframes may change or replace; empty if there is none.
        fields: the film's own settings, such as `FilmSettings.fields()`.

    Raises `RecipeError` for what is no TOML, `SettingsError`, `UnknownName`, `WordingError`.
    """
    table = parse_table(text)
    if table.wishes and table.masks:
        raise SettingsError(
            "keyframes have wishes and masks; expected one of them: a mask says what is wished for there"
        )
    wishes, masks = read_fading_wishes(table.wishes, clock), read_fading_masks(table.masks, clock)
    if objective and not (wishes or masks):
        wishes = (FadingWish(parse_objective(objective), 1.0, (1.0,) * clock.frames),)
    wished = list_objectives(wishes, masks)
    variables, curves = make_variables(clock, sound), dict[str, Curve]()
    for name, said in table.curves.items():
        changing = find_changing(name.strip(), fields, wished)
        curve = changing.make_curve(name.strip(), read_values(name, said, clock, variables))
        if curve.name in curves:
            raise SettingsError(f"{curve.name} has two curves; expected one")
        curves[curve.name] = curve
    found = tuple(curves.values())
    if any(each.term for each in found):
        wishes = add_terms(wishes, masks, found)
    elif not table.wishes:
        wishes = ()  # the recipe's own, as it is
    return Schedule(clock, found, wishes, masks)


def add_terms(
    wishes: tuple[FadingWish, ...], masks: Sequence[FadingMask], curves: Sequence[Curve]
) -> tuple[FadingWish, ...]:
    """The wishes with every term that has a curve: one that none of them has is added beside them, with a word.

    Raises `SettingsError` where there is no wish to add it to.
    """
    there = {term for each in list_objectives(wishes, masks) for _, term in each.terms}
    new = [each.term for each in curves if each.term is not None and each.term not in there]
    if new and not wishes:
        where = "no mask wishes for it" if masks else "there is no wish that it belongs to"
        raise SettingsError(f"the weight of {new[0]} changes, but {where}")
    for term in new:
        log.info("the wish has no %s yet: it is added", term)
    louder = all(value > 0 for each in curves if each.term is not None for value in each.values)
    if wishes and louder and len(there | set(new)) == 1:
        (only,) = there | set(new)
        log.warning("%s is all that is wished for: its weight changes nothing, since each step has one size", only)
    return (
        *wishes,
        *(FadingWish(make_term_objective(term), 1.0, (1.0,) * len(wishes[0].shares), True) for term in new),
    )
