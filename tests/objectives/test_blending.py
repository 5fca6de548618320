"""Several wishes in one text, and the blends between them."""

from __future__ import annotations

import pytest
import torch

from reverie.errors import SettingsError, WordingError
from reverie.gradient.base import make_score_function
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import channel
from reverie.objectives.blending import blend_objectives, read_grid, read_wishes
from reverie.types import Image


def test_wishes_are_read_between_semicolons() -> None:
    assert list(map(str, read_wishes("b:1; c^2 - 0.1*tv;"))) == ["b:1", "c^2 - 0.1*tv"]
    (odd,) = read_wishes('"a;b":3')
    assert odd.layers == ("a;b",)
    for words in ("", " ; "):
        with pytest.raises(WordingError, match="no wish"):
            read_wishes(words)


def test_a_blend_scores_as_its_corners_weighted(tiny: TorchModel, noise: Image) -> None:
    corners = [channel("b", number) for number in range(4)]
    scores = torch.stack([make_score_function(tiny, each)(noise) for each in corners])  # (4, b)
    blends = blend_objectives(corners, (3, 5))
    assert len(blends) == 15
    for number, blend in enumerate(blends):
        down, right = number // 5 / 2, number % 5 / 4
        weights = torch.tensor([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
        assert torch.allclose(make_score_function(tiny, blend)(noise), weights @ scores, rtol=1e-5)
    assert [blends[0], blends[4], blends[10], blends[14]] == corners


@pytest.mark.parametrize("grid", [(1, 4), (4, 1)])
def test_two_wishes_are_the_ends_of_a_row_or_a_column(grid: tuple[int, int]) -> None:
    blends = blend_objectives(["b:1", "c:2"], grid)
    assert (str(blends[0]), str(blends[-1]), len(blends)) == ("b:1", "c:2", 4)
    assert [weight for weight, _ in blends[1].terms] == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("corners", "grid", "message"),
    [
        (["b:1"], (1, 3), "between 1 wishes"),
        (["b:1"] * 3, (1, 3), "between 3 wishes"),
        (["b:1"] * 2, (2, 2), "expected 1xN or Nx1"),
        (["b:1"] * 2, (1, 1), "expected 1xN or Nx1"),
        (["b:1"] * 4, (1, 4), "expected 2x2 or more"),
        (["b:1"] * 4, (90, 90), "at most 400"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(corners: list[str], grid: tuple[int, int], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        blend_objectives(corners, grid)
    with pytest.raises(SettingsError, match="expected rows x columns"):
        read_grid("five")
