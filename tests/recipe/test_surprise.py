"""Chance is a pure function of the seed, and keeps to what can be dreamed."""

from __future__ import annotations

import pytest

from reverie.errors import SettingsError
from reverie.models.receptive_field import LayerGeometry
from reverie.objectives.parser import objective
from reverie.recipe.surprise import draw_surprises
from reverie.settings import Settings

LAYERS = {
    "edges": LayerGeometry(16, 2, 7, 0),
    "fire4": LayerGeometry(256, 8, 47, 0),
    "blocks.3": LayerGeometry(64, 16, 175, 0),
    "tv": LayerGeometry(8, 16, 200, 0),
    "logits": LayerGeometry(1000, 0, None, None),
}


def test_the_same_seed_draws_the_same_and_more_begin_with_the_fewer() -> None:
    assert draw_surprises(LAYERS, 3, 12) == draw_surprises(LAYERS, 3, 12) == draw_surprises(LAYERS, 3, 24)[:12]
    assert draw_surprises(LAYERS, 3, 12) != draw_surprises(LAYERS, 4, 12)


def test_all_that_is_drawn_can_be_dreamed_and_differs() -> None:
    drawn = draw_surprises(LAYERS, 0, 100)
    assert len({each.objective for each in drawn}) == 100
    for each in drawn:
        Settings.of(each.settings)
        for _, term in objective(each.objective).terms:
            layer = getattr(term, "layer", None)
            assert layer in ("fire4", "blocks.3", "tv")  # what sees more than edges, and less than everything
            assert getattr(term, "channel", 0) < LAYERS[layer].channels


def test_a_network_of_one_layer_still_gets_different_dreams() -> None:
    drawn = draw_surprises({"only": LayerGeometry(1, 8, 47, 0)}, 0, 30)
    assert len({(each.objective, *each.settings.values()) for each in drawn}) == 30


@pytest.mark.parametrize("count", [0, -1, 1000])
def test_a_count_out_of_bounds_is_refused(count: int) -> None:
    with pytest.raises(SettingsError, match=f"surprise is {count}; expected 1 to 999"):
        draw_surprises(LAYERS, 0, count)


def test_a_network_without_a_fit_layer_is_refused() -> None:
    with pytest.raises(SettingsError, match="no layer to be surprised by"):
        draw_surprises({"edges": LAYERS["edges"]}, 0, 1)
