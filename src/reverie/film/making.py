"""What makes a film's pictures, one after another: a dreamed film, a zoom, a morph, all alike to what writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from reverie.film.shots import Segment
from reverie.film.writing.store import State
from reverie.types import Image


@dataclass(frozen=True, eq=False)
class Made:
    """A finished picture of a film (1, 3, h, w), 0..1, and what the next one begins from."""

    number: int
    image: Image
    alpha: Float[Tensor, "1 1 h w"] | None
    state: State


@dataclass(frozen=True)
class Timing:
    """When each picture is shown: from `times[n]` to the next, the last one to `end`, in units of `time_base`."""

    times: tuple[int, ...]
    end: int
    time_base: Fraction
    rate: Fraction

    @classmethod
    def steady(cls, seconds: float, rate: float) -> Timing:
        """Of a film with so many frames a second."""
        exact = exact_rate(rate)
        count = max(1, round(seconds * exact))
        return cls(tuple(range(count)), count, 1 / exact, exact)

    @property
    def seconds(self) -> tuple[float, ...]:
        """When each picture is shown, from 0."""
        return tuple(float((time - self.times[0]) * self.time_base) for time in self.times)


def exact_rate(rate: float) -> Fraction:
    """Frames a second as they are meant: 29.97 is 30000/1001, as television has it."""
    television = Fraction(round(rate * 1.001) * 1000, 1001)
    near = abs(float(television) - rate) < 0.002 * rate / 24 and rate != round(rate)
    return television if near else Fraction(rate).limit_denominator(1000)


@runtime_checkable
class Maker(Protocol):
    """Makes the pictures of one segment after another."""

    @property
    def timing(self) -> Timing:
        """When each picture is shown."""

    @property
    def segments(self) -> Sequence[Segment]:
        """What is made by itself, in order."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures, in pixels."""

    def make(self, segment: Segment, state: State | None) -> Iterator[Made]:
        """The segment's pictures; `state` is what the segment before it ended with, None for one that opens a shot."""


def show_over(held: Image, photo: Image, strength: float) -> Image:
    """The dream in some strength, 0..1, over its photo."""
    return held if strength == 1 else torch.lerp(photo, held, strength)


CLOSING = 0.4
"""The share of a film, at its end, in which one that loops comes back to its first picture."""


def closing_share(number: int, count: int) -> float:
    """How far a looping film of so many pictures is back at its first one, 0..1: slow, fast, slow; 1 after the last."""
    begin = count * (1 - CLOSING)
    share = min(max((number - begin) / (count - begin), 0), 1)
    return share * share * (3 - 2 * share)
