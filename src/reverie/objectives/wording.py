"""How objectives are written in words: names in quotes where they need them, powers and weights."""

from __future__ import annotations

import re

UNQUOTED_NAME = re.compile(r"[A-Za-z_][\w./]*")
"""A layer's name that needs no quotes in words."""

PIXEL_WORDS = ("tv", "l1", "l2", "keep", "blur", "boundary")
PICTURE_WORDS = ("guide", "guide_mean", "caricature", "inversion", "style")
BATCH_WORDS = ("diversity", "alignment", "interpolate")
RESERVED_WORDS = (*PIXEL_WORDS, *PICTURE_WORDS, *BATCH_WORDS, "class", "logit", "dir", "cos", "dot")
"""Names with a meaning of their own in words; a layer called so is put in quotes."""


def quote_name(name: str) -> str:
    """A layer's name as the parser reads it: in quotes if it is no plain name, or a reserved word."""
    return name if UNQUOTED_NAME.fullmatch(name) and name not in RESERVED_WORDS else f'"{name}"'


def format_power(power: int) -> str:
    """A power in words: nothing for 1, "^2" for 2."""
    return "" if power == 1 else f"^{power}"


def format_weight(weight: float) -> str:
    """A weight in words: nothing for 1, "2*" for 2.0."""
    return "" if weight == 1 else f"{weight!r}*".replace(".0*", "*")
