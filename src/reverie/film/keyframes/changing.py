"""What may change over a film: numbers of a dream's and a film's settings, and the weights of the wish's terms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from reverie.errors import SettingsError, UnknownName, WordingError
from reverie.film.keyframes.curves import Values
from reverie.objectives.base import Objective, Term
from reverie.objectives.parser import objective as parse_objective
from reverie.settings import Settings
from reverie.settings.fields import CheckedFields, Setting
from reverie.settings.film import FilmSettings, MorphSettings, ZoomSettings

Kind: TypeAlias = Literal["dream", "film", "weight"]

FILM_KINDS: tuple[type[CheckedFields], ...] = (MorphSettings, ZoomSettings, FilmSettings)
FILM_FIELDS = tuple({each.name: each for kind in FILM_KINDS for each in kind.fields()}.values())
"""The settings of all moving pictures; a film, a zoom or a morph has some of them."""
FIXED = {
    "size": "all frames of a film have one size",
    "seed": "each shot draws from one seed",
    "seconds": "a film has one length",
    "rate": "a film has one rate",
}
"""Numbers that are the same at every frame, and why."""
DIGITS = 9
"""The significant digits of a value: what a processor does with the last ones must change no film."""
PLAIN = re.compile(r"[a-z_]+")
SIMILAR = 0.8
"""How alike a word and a setting's name are, 0..1, where the one is taken for a slip of the other."""


@dataclass(frozen=True)
class Curve:
    """A number for each frame of a film."""

    name: str
    """A setting's, or a term of the wish in words."""
    kind: Kind
    values: tuple[float, ...]
    term: Term | None = None
    """The term whose weight it is."""


@dataclass(frozen=True)
class Changing:
    """What a name in keyframes means: a setting, or a term of the wish."""

    kind: Kind
    setting: Setting | None = None
    term: Term | None = None

    def make_curve(self, name: str, values: Values) -> Curve:
        """The curve of values, checked and rounded as the setting is; raises `SettingsError` that names the frame."""
        if self.setting is None:
            return Curve(str(self.term), self.kind, round_values(values), self.term)
        return Curve(name, self.kind, check_values(self.setting, values))


def find_changing(name: str, fields: Sequence[Setting], wish: Sequence[Objective]) -> Changing:
    """What a name means; `fields` are the film's settings, `wish` what is wished for at any time.

    Raises `SettingsError` for a setting that cannot change, `UnknownName` for what is neither setting nor term.
    """
    dream, film = ({each.name: each for each in kind} for kind in (Settings.fields(), fields))
    del dream["strength"]  # a film has its own
    setting = film.get(name) or dream.get(name)
    if setting is not None:
        if setting.kind not in (int, float) or name in FIXED:
            why = FIXED.get(name, "it is no number")
            raise SettingsError(f"{name} cannot change over a film: {why}")
        return Changing("film" if name in film else "dream", setting)
    if name in {each.name for each in FILM_FIELDS}:
        raise SettingsError(f"{name} is a setting of other moving pictures, not of this one")
    terms = list(dict.fromkeys(str(term) for each in wish for _, term in each.terms))
    names = [each.name for each in (*film.values(), *dream.values()) if each.kind in (int, float)]
    slip = PLAIN.fullmatch(name) and name not in terms and difflib.get_close_matches(name, names, 1, SIMILAR)
    try:
        parsed = None if slip else parse_objective(name)
    except WordingError:
        parsed = None
    if parsed is None:
        raise UnknownName("setting, or term of the wish,", name, [each for each in names if each not in FIXED], terms)
    if len(parsed.terms) != 1 or parsed.terms[0][0] != 1:
        raise SettingsError(f"{name!r} is no single term; expected one without its weight, as in fire5:12")
    return Changing("weight", term=parsed.terms[0][1])


def round_values(values: Values) -> tuple[float, ...]:
    """Numbers to a few significant digits."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in values.tolist())


def check_values(setting: Setting, values: Values) -> tuple[float, ...]:
    """The values that a setting has at each frame, whole where it is; raises `SettingsError` for one out of bounds."""
    whole = setting.kind is int
    found = np.floor(values + 0.5) if whole else values
    least = -np.inf if setting.least is None else setting.least
    outside = (found < least) | (found > (np.inf if setting.most is None else setting.most))
    if outside.any():
        frame = int(outside.argmax())
        raise SettingsError(
            f"{setting.name} is {found[frame]:.6g} at frame {frame}; expected {setting.least} to {setting.most}"
        )
    numbers = tuple(map(int, found.tolist())) if whole else round_values(found)
    for value in set(numbers):
        setting.check(value)
    return numbers
