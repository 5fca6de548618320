"""Objectives in words: what is written is what is read, and what cannot be read is said up to where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import WordingError
from reverie.objectives.base import Objective, channel, layer, neuron
from reverie.objectives.batch_terms import alignment, diversity, interpolate
from reverie.objectives.direction_files import file_direction
from reverie.objectives.directions import direction
from reverie.objectives.parser import objective
from reverie.objectives.penalties import blur_penalty, boundary_complexity, total_variation
from reverie.objectives.pictures import caricature, inversion, style

fire8, fire5 = layer("fire8"), layer("fire5")

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./]{0,12}", fullmatch=True) | st.text(
    st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=12
)
places = st.none() | st.tuples(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
weights = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e-05, 1e16, 0.1, -3.0, 0.0])
patches = st.none() | st.tuples(*[st.integers(0, 999)] * 2) | st.tuples(*[st.integers(1, 999)] * 4)
files = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=12)
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


@given(names, files, names, st.integers(0, 999_999_999), st.booleans(), st.integers(0, 8), patches)
def test_pictures_and_directions_too(
    name: str, file: str, tensor: str, number: int, cosine: bool, power: int, place: Any
) -> None:
    power = 0 if cosine else power
    wishes = [
        direction(name, [0, 2.5, -1], cosine, power, place),
        file_direction(file, number, name, tensor, cosine, power),
        file_direction(file, None, name, tensor) + file_direction(file, number, name),
        caricature(file, name, power) - inversion(file, name) + 0.5 * style(file, name),
        layer(name, 2, place) + interpolate(layer(name), direction(name, [1]) - 2 * caricature(file, name)),
    ]
    for wish in wishes:
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
        ("fire8@^2", layer("fire8", 2, "middle")),
        ("fire8@3,4", layer("fire8", place=(3, 4))),
        ("fire8:3@4,5,6,7", neuron("fire8", 3, (4, 5, 6, 7))),
        ("dot(fire8:3)*cos^2@4,5", direction("fire8", [0, 0, 0, 1], cosine_power=2, place=(4, 5))),
        ("dot(fire8:3)*2", 2 * direction("fire8", [0, 0, 0, 1])),
        ("cos(fire8:3)@", direction("fire8", [0, 0, 0, 1], cosine=True, place="middle")),
        ("dir:f:17", file_direction("f", 17)),
        ("dir:f:W_dec:17@fire8", file_direction("f", 17, "fire8", "W_dec")),
        ("dir:f:eyes@fire8", file_direction("f", layer="fire8", tensor="eyes")),
        ("cos(dir:f:17@fire8)", file_direction("f", 17, "fire8", cosine=True)),
        ("dot(dir:f:17@fire8)*cos^2", file_direction("f", 17, "fire8", cosine_power=2)),
        ("interpolate(fire8 - tv, 2*fire5)", interpolate(fire8 - total_variation(), 2 * fire5)),
        ("diversity:fire8 + alignment:fire5", diversity("fire8") + alignment("fire5")),
        ("caricature:a.jpg@fire8", caricature("a.jpg", "fire8")),
        ("caricature:a.jpg@fire8^0", caricature("a.jpg", "fire8", 0)),
        ("inversion:a.jpg@fire8 + style:a.jpg@fire5", inversion("a.jpg", "fire8") + style("a.jpg", "fire5")),
        ("blur + boundary - boundary:7", blur_penalty() + boundary_complexity() - boundary_complexity(7)),
        ('"tv"', layer("tv")),
        ('"blur"', layer("blur")),
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
        ("fire8@3", "fire8@3"),
        ("fire8@3,4,5", "fire8@3,4,5"),
        ("fire8@3,4,0,1", "fire8@3,4,"),
        ("blur:3", "blur"),
        ("boundary:", "boundary:"),
        ("boundary:0", "boundary:"),
        ("interpolate(fire8)", "interpolate(fire8"),
        ("interpolate(fire8, keep)", "interpolate("),
        ("dir:f:", "dir:f:"),
        ("dir:f:17:3", "dir:f:17"),
        ("dot(2*dir:f:1)", "dot("),
        ("cos(fire8:1)*cos^2", "cos(fire8:1)*"),
        ("dot(fire8:1)*cos^9", "dot(fire8:1)*cos^"),
        ("caricature:a.jpg", "caricature:a.jpg"),
        ("style:a.jpg@", "style:a.jpg@"),
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


def test_what_needs_quotes_is_told_of_them() -> None:
    with pytest.raises(WordingError, match='in quotes: "2"'):
        objective("2^2")
    with pytest.raises(WordingError, match='a path goes in quotes, as in guide:"/photos/sky.jpg"@fire5'):
        objective("style:/a/b.jpg@fire3")


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
    "cos",
    "dot",
    "dir",
    "interpolate",
    "boundary",
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
