"""Random transforms in words, "jitter(8), rotate(15, 0.2)", and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, fields

from reverie.ascent.transforms import (
    Blur,
    Crop,
    Flip,
    Jitter,
    Noise,
    Pad,
    RandomTransform,
    Rotate,
    Scale,
    Transform,
)
from reverie.errors import SettingsError, UnknownName

KNOWN: dict[str, type[RandomTransform]] = {
    each.__name__.lower(): each for each in (Jitter, Rotate, Scale, Crop, Pad, Blur, Noise, Flip)
}

CALL = re.compile(r"\s*([A-Za-z]\w*)\s*\(([^()]*)\)\s*")


def read_transforms(words: str) -> tuple[RandomTransform, ...]:
    """The transforms that words name, the first one applied first; no words: none.

    Raises `UnknownName` for a name that is none, `SettingsError` for numbers that are none or out of bounds.
    """
    found, rest = [], words.strip()
    while rest:
        match = CALL.match(rest)
        if match is None:
            raise SettingsError(f'transforms is {words!r}; expected something like "jitter(8), rotate(15, 0.2)"')
        found.append(make_transform(match[1].lower(), match[2]))
        rest = rest[match.end() :].removeprefix(",").lstrip()
    return tuple(found)


def make_transform(name: str, numbers: str) -> RandomTransform:
    """One transform of its name and its numbers."""
    if name not in KNOWN:
        raise UnknownName("transform", name, KNOWN)
    kind, texts = KNOWN[name], [each.strip() for each in numbers.split(",")] if numbers.strip() else []
    taken = fields(kind)
    needed = [each for each in taken if each.default is MISSING]
    if not len(needed) <= len(texts) <= len(taken):
        names = ", ".join(each.name for each in taken)
        raise SettingsError(f"the transform {name}({numbers}) takes {f'({names})' if names else 'no numbers'}")
    try:
        return kind(*[int(text) if re.fullmatch(r"\d+", text) else float(text) for text in texts])
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"the transform {name}({numbers}): expected numbers in the brackets") from None


def format_transforms(transforms: Sequence[Transform]) -> str | None:
    """The words of transforms; None where one of them is a function of one's own, which has none."""
    if not all(type(each) in KNOWN.values() for each in transforms):
        return None
    return ", ".join(map(str, transforms))
