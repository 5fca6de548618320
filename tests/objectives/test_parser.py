"""Objectives in words: what is written is what is read, and what cannot be read is said up to where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import WordingError
from reverie.objectives.base import Objective, channel, layer, neuron
from reverie.objectives.parser import objective
from reverie.objectives.penalties import total_variation

fire8, fire5 = layer("fire8"), layer("fire5")

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./]{0,12}", fullmatch=True) | st.text(
    st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=12
)
places = st.none() | st.tuples(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
weights = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e-05, 1e16, 0.1, -3.0, 0.0])
kinds = st.sampled_from(["tv", "layer", "channel", "neuron"])
shares = st.tuples(weights, kinds, names, st.integers(0, 999_999_999), places, st.integers(1, 8))


def share_of(weight: float, kind: str, name: str, number: int, place: tuple[int, int] | None, power: int) -> Objective:
    wishes = {
        "tv": total_variation(),
        "layer": layer(name, power),
        "channel": channel(name, number, power),
        "neuron": neuron(name, number, place, power),
    }
    return weight * wishes[kind]


@given(st.lists(shares, min_size=1, max_size=4))
def test_written_then_read_is_the_same(parts: list[Any]) -> None:
    first, *others = [share_of(*part) for part in parts]
    wish = sum(others, start=first)
    assert objective(str(wish)) == wish


@pytest.mark.parametrize(
    "name", ["tv", "été", "a\u0301", "a²", "3a", "block 1/conv:0", "mixed4/concat.1", "^", "a..b", "/"]
)
def test_any_layer_has_its_words(name: str) -> None:
    wish = 1e-05 * layer(name, 2) - 1e16 * channel(name, 0) + neuron(name, 3, (0, 0))
    assert objective(str(wish)) == wish


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ("fire8", fire8),
        ("fire8^2 + 0.5*fire5:12 - 0.1*tv", layer("fire8", 2) + 0.5 * channel("fire5", 12) - 0.1 * total_variation()),
        ("  fire8 ^ 2\n+\tfire5 ", layer("fire8", 2) + fire5),
        ("fire8*2", 2 * fire8),
        ("2*fire8*3", 6 * fire8),
        ("2*3*fire8", 6 * fire8),
        (".5*fire8", 0.5 * fire8),
        ("1e-5*fire8", 1e-05 * fire8),
        ("-fire8", -fire8),
        ("-fire8 - fire5", -fire8 - fire5),
        ("-2*fire8 + fire5", -2 * fire8 + fire5),
        ("fire8 - fire5 - tv", fire8 - fire5 - total_variation()),
        ("fire8 - (fire5 - tv)", fire8 - fire5 + total_variation()),
        ("2*(fire8 + 3*(fire5 - tv))", 2 * fire8 + 6 * fire5 - 6 * total_variation()),
        ("(fire8)", fire8),
        ("-(fire8 + fire5)*2", -2 * fire8 - 2 * fire5),
        ("fire8:3^2", channel("fire8", 3, 2)),
        ("fire8:3@", neuron("fire8", 3)),
        ("fire8:3@^2", neuron("fire8", 3, power=2)),
        ("fire8:3@ + tv", neuron("fire8", 3) + total_variation()),
        ("fire8:3@4,5^2", neuron("fire8", 3, (4, 5), 2)),
        ('"tv"', layer("tv")),
        ('2*"block 1/conv"^2', 2 * layer("block 1/conv", 2)),
        ("features.3.conv", layer("features.3.conv")),
        ("mixed4/concat:7", channel("mixed4/concat", 7)),
    ],
)
def test_what_words_mean(words: str, wish: Objective) -> None:
    assert objective(words) == wish


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("", ""),
        ("   ", ""),
        ("fire8 +", "fire8 +"),
        ("fire8 + + fire5", "fire8 +"),
        ("fire8 fire5", "fire8"),
        ("fire8 % fire5", "fire8"),
        ("+fire8", ""),
        ("2", "2"),
        ("2fire8", ""),
        ("2 fire8", "2"),
        ("2*", "2*"),
        ("fire8*", "fire8*"),
        ("fire8*fire5", "fire8*"),
        ("fire8^", "fire8^"),
        ("fire8^x", "fire8^"),
        ("fire8^0", "fire8^"),
        ("fire8^9", "fire8^"),
        ("fire8^1.5", "fire8^"),
        ("fire8^-1", "fire8^"),
        ("fire8:", "fire8:"),
        ("fire8:x", "fire8:"),
        ("fire8:-1", "fire8:"),
        ("fire8:1.5", "fire8:"),
        ("fire8:" + "9" * 5000, "fire8:"),
        ("fire8:3@4", "fire8:3@4"),
        ("fire8:3@4,", "fire8:3@4,"),
        ("fire8:3@x", "fire8:3@"),
        ("fire8@3", "fire8"),
        ("tv^2", "tv"),
        ("tv:3", "tv"),
        ("(fire8", "(fire8"),
        ("fire8)", "fire8"),
        ("()", "("),
        ('"fire8', ""),
        ('fire5 + ""', "fire5 +"),
        ("fire8 - -fire5", "fire8 -"),
        ("1e999*fire8", "1e999*fire8"),
        ("1e300*(1e300*fire8) + tv", "1e300*(1e300*fire8)"),
        ("(" * 5000 + "fire8", "(" * 51),
        ("fire8, fire5", "fire8"),
        ("fire8 ; tv", "fire8"),
        ("nan*fire8", "nan"),
    ],
)
def test_what_cannot_be_read_is_said_up_to_where(words: str, read: str) -> None:
    with pytest.raises(WordingError) as caught:
        objective(words)
    if words == "nan*fire8":  # `nan` is a layer's name as good as any
        assert "after 'nan*': expected a weight, got 'fire8'" in str(caught.value)
        return
    assert str(caught.value).startswith(f"cannot read the objective {words!r} after {read!r}: expected ")
    assert "\n" not in str(caught.value)


PIECES = [
    "fire8",
    "tv",
    "2",
    "0.5",
    "1e-5",
    "1e999",
    "+",
    "-",
    "*",
    "^",
    ":",
    "@",
    ",",
    "(",
    ")",
    '"',
    '"a b"',
    " ",
    "²",
]


@given(st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_read_or_refused(words: str) -> None:
    try:
        wish = objective(words)
    except WordingError as error:
        assert str(error).startswith(f"cannot read the objective {words!r} after ")
    else:
        assert objective(str(wish)) == wish
