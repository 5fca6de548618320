"""An objective of one's own is a word of the grammar: it scores as what it stands for, and prints itself back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

import reverie as rv
from reverie.errors import ExtensionError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.tiling import build_tiled_gradient
from reverie.objectives.base import Term, make_term_objective
from reverie.types import Image, Model


def calm(layer: str, smooth: float = 0.5) -> rv.Objective:
    return rv.layer(layer, power=2) - smooth * rv.total_variation()


def test_it_scores_as_what_it_stands_for(tiny: Model, noise: Image) -> None:
    named = rv.register_objective("calm", calm)
    for mine, plain in [
        (named("c"), calm("c")),
        (named("c", 2), calm("c", 2)),
        (rv.objective("2*calm(c, 2) - 0.25*b"), 2 * calm("c", 2) - 0.25 * rv.layer("b")),
        (3 * (named("c", -1) - named("b")), 3 * (calm("c", -1) - calm("b"))),
    ]:
        torch.testing.assert_close(make_score_function(tiny, mine)(noise), make_score_function(tiny, plain)(noise))
        torch.testing.assert_close(gradient_of(tiny, mine)(noise)[1], gradient_of(tiny, plain)(noise)[1])


@pytest.mark.parametrize(
    "arguments", [("c",), ("c", 3), ("c", -0.5), ("c", 1e-7), ("odd name",), ("tv", 2.5), ("a.b/c",)]
)
def test_it_prints_itself_back(arguments: tuple[object, ...]) -> None:
    named = rv.register_objective("calm", calm)
    wish = 0.5 * named(*arguments) - rv.layer("b")
    assert rv.objective(str(wish)) == wish
    assert str(rv.objective(str(wish))) == str(wish)


def test_numbers_of_other_libraries_are_numbers() -> None:
    import numpy as np

    named = rv.register_objective("calm", calm)
    assert str(named("c", np.float32(0.5))) == "calm(c, 0.5)" and str(named("c", smooth=np.int64(2))) == "calm(c, 2)"


def test_it_is_tiled_as_what_it_stands_for(tiny: Model, noise: Image) -> None:
    named = rv.register_objective("calm", calm)
    whole = gradient_of(tiny, named("d"))(noise)[1]
    tiled = build_tiled_gradient(tiny, named("d").resolved(tiny), 24, 16)(noise)[1]
    torch.testing.assert_close(tiled, whole, rtol=1e-3, atol=1e-6)


def test_what_no_words_can_say_is_an_objective_all_the_same(tiny: Model, noise: Image) -> None:
    def along(layer: str, vector: torch.Tensor) -> rv.Objective:
        return rv.direction(layer, vector)

    named = rv.register_objective("along", along)
    vector = torch.arange(12.0)
    assert named("c", vector) == rv.direction("c", vector)


def test_code_that_fails_or_makes_no_objective_is_told_in_a_line() -> None:
    def broken(layer: str) -> rv.Objective:
        raise KeyError(layer)

    rv.register_objective("broken", broken)
    rv.register_objective("nothing", lambda layer: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(
        ExtensionError, match=r"the objective 'broken\(c\)' failed: KeyError: 'c' \(test_registered.py, line"
    ):
        rv.objective("broken(c)")
    with pytest.raises(ExtensionError, match=r"the objective 'nothing\(c\)' is a NoneType; expected .* an Objective"):
        rv.objective("nothing(c)")


@dataclass(frozen=True)
class Nameless(Term):
    def excitement(self, activations: torch.Tensor) -> torch.Tensor:
        return activations.amax(1)


def test_a_picture_remembers_an_objective_that_has_a_name_and_no_other(tiny: Model, noise: Image) -> None:
    settings = rv.Settings(octaves=1, steps=2)
    named = rv.register_objective("winner", lambda layer: make_term_objective(Nameless(layer)))
    remembered = rv.dream(noise[:1], tiny, named("c"), settings)
    forgotten = rv.dream(noise[:1], tiny, make_term_objective(Nameless("c")), settings)
    torch.testing.assert_close(remembered, forgotten)
    assert remembered.recipe is not None and 'objective = "winner(c)"' in remembered.recipe
    assert forgotten.recipe is None
