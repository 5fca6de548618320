"""Nearness keeps the photograph in sight, whatever else is wished for; batches can be made unlike."""

from __future__ import annotations

import pytest
import torch

from reverie.ascent.steps import ascend
from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.keeping import kept
from reverie.gradient.normalization import normalized
from reverie.gradient.tiling import build_tiled_gradient
from reverie.jobs.shortcuts import dream
from reverie.objectives.batch_terms import diversity
from reverie.objectives.parser import objective
from reverie.objectives.penalties import blur_box, blur_penalty, boundary_complexity, contrast, keep
from reverie.settings import Settings
from seer import noise, seer

QUICK = Settings(octaves=2, octave_scale=1.5, steps=12, jitter=4, laplacian_levels=2)


def test_each_is_its_formula() -> None:
    photo, image = noise(2, 3, 12, 14, seed=1), noise(2, 3, 12, 14, seed=2)
    model = seer()
    expected = -(255 * (image - photo)).square().mean((1, 2, 3))
    assert torch.allclose(make_score_function(model, keep(), photo)(image), expected, rtol=1e-4)
    gray = 255 * (image - 0.5)
    assert torch.allclose(make_score_function(model, contrast(1))(image), gray.abs().mean((1, 2, 3)), rtol=1e-4)
    assert torch.allclose(make_score_function(model, contrast(2))(image), gray.square().mean((1, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("words", ["keep", "0.2*keep", "low^2 + 0.2*keep", "-l2", "-0.5*l1", "diversity:high"])
def test_words(words: str) -> None:
    assert str(objective(words)) == words
    assert objective("keep*0.2") == objective("0.2*keep")
    assert objective(str(objective(words))) == objective(words)


def test_climbing_raises_what_is_wished() -> None:
    photo, image = noise(2, 3, 24, 28, seed=1), noise(2, 3, 24, 28, seed=2)
    model = seer()
    for wish in [keep(), -contrast(1), -contrast(2), contrast(2), diversity("low"), diversity("high")]:
        *_, last = ascend(image, normalized(gradient_of(model, wish, photo)), 6, 0.004)
        score = make_score_function(model, wish, photo)
        assert float(score(last.image).sum()) > float(score(image).sum()), wish


@pytest.mark.parametrize("wish", ["low^4", "0.001*low", "class:2"])
def test_the_greater_its_weight_the_nearer_the_dream_stays(wish: str) -> None:
    photo = noise(1, 3, 48, 60)
    far = [
        float((dream(photo, seer(), f"{wish} + {weight}*keep", QUICK) - photo).square().mean().sqrt())
        for weight in (0.0, 0.2, 1.0, 5.0, 50.0)
    ]
    assert far == sorted(far, reverse=True)
    # The same at any scale of the score: it is the normalized step that nearness is held against.
    assert 0.5 < far[1] / far[0] < 0.95
    assert far[-1] < far[0] / 10


def test_nearness_alone_changes_nothing() -> None:
    photo = noise(1, 3, 48, 60)
    assert torch.allclose(dream(photo, seer(), "keep", QUICK), photo, atol=1e-3)


def test_nearness_needs_a_photograph() -> None:
    with pytest.raises(SettingsError, match="photo"):
        gradient_of(seer(), keep())
    with pytest.raises(SettingsError, match="photo"):
        kept(gradient_of(seer(), objective("low")), None, 0.5)


def test_diversity_is_of_a_batch() -> None:
    model, image = seer(), noise(1, 3, 24, 28)
    score = make_score_function(model, diversity("high"))
    assert float(score(image)) == 0
    assert torch.allclose(score(image.repeat(3, 1, 1, 1)), torch.tensor(-1.0), atol=1e-5)
    others = score(torch.cat([image, noise(2, 3, 24, 28, seed=8) ** 3]))
    assert bool((others > -1).all())
    assert not diversity("high").terms[0][1].additive


def test_contrast_has_two_powers() -> None:
    with pytest.raises(SettingsError, match="1 or 2"):
        contrast(3)


def test_a_step_along_the_blur_penalty_blurs() -> None:
    image = noise(2, 3, 12, 14, seed=2)
    score, grad = gradient_of(seer(), blur_penalty())(image)
    rough = image - blur_box(image, 3)
    assert torch.allclose(score, (255 * rough).square().mean((1, 2, 3)), rtol=1e-4)
    assert torch.allclose(grad, 2 * 255**2 * rough / (3 * 12 * 14), rtol=1e-3, atol=1e-4)
    flat = torch.full((1, 3, 9, 9), 0.3)
    assert torch.allclose(blur_box(flat, 5), flat) and torch.allclose(blur_box(flat, 3), flat)


def test_a_boundary_is_counted_at_the_border_alone() -> None:
    image = noise(1, 3, 20, 24, seed=2)
    rough = (255 * (image - blur_box(image, 5))).square() + 0.8 * (255 * (image - 0.5)).square()
    rough[..., 3:-3, 3:-3] = 0
    score, grad = gradient_of(seer(), boundary_complexity(3))(image)
    assert torch.allclose(score, rough.mean((1, 2, 3)), rtol=1e-4)
    assert float(grad[..., 5:-5, 5:-5].abs().max()) == 0 < float(grad.abs().max())
    tiled = build_tiled_gradient(seer(), boundary_complexity(3) - blur_penalty(), 12)
    whole = gradient_of(seer(), boundary_complexity(3) - blur_penalty())
    for one, other in zip(tiled(image), whole(image), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-3)
    with pytest.raises(SettingsError, match="1 or more"):
        boundary_complexity(0)
