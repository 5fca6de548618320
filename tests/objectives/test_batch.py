"""Terms over a batch see the pictures that wish for them, and no others; a batch of wishes becomes unlike pictures."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reverie.errors import SettingsError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import channel, layer
from reverie.objectives.batch import PerImage, number_noises, per_image
from reverie.objectives.batch_terms import diversity, refuse_batch_terms
from reverie.objectives.parser import objective
from reverie.recipe.recipe import VisualRecipe
from reverie.settings import VisualSettings
from reverie.types import Image

SMALL = VisualSettings(size=40, steps=25, jitter=2)
BOTH = "b:3 + 5*diversity:c"


def mean_likeness(pictures: Image, model: TorchModel) -> float:
    """The mean cosine between the Gram matrices of all pairs of pictures at layer c."""
    return -float(make_score_function(model, diversity("c"))(pictures).mean())


def test_wishes_that_share_a_term_see_each_other(tiny: TorchModel, noise: Image) -> None:
    three = torch.cat([noise, noise[:1].flip(3)])
    wishes = per_image([objective(BOTH), objective("2*b:3 + 0.5*diversity:c"), objective(BOTH)])
    apart = make_score_function(tiny, diversity("c"))(three)
    alone = make_score_function(tiny, channel("b", 3))(three)
    expected = alone * torch.tensor([1.0, 2, 1]) + apart * torch.tensor([5, 0.5, 5])
    assert torch.allclose(make_score_function(tiny, wishes)(three), expected, rtol=1e-5)


def test_a_term_counts_as_often_as_it_is_wished_for(tiny: TorchModel, noise: Image) -> None:
    twice = per_image([diversity("c") + diversity("c")] * 2)
    assert torch.allclose(
        make_score_function(tiny, twice)(noise), 2 * make_score_function(tiny, diversity("c"))(noise), rtol=1e-5
    )


def test_who_does_not_wish_for_it_is_left_alone(tiny: TorchModel, noise: Image) -> None:
    three = torch.cat([noise, noise[:1].flip(3)])
    mixed = per_image([objective(BOTH), layer("c", 2), objective(BOTH)])
    others = per_image([objective(BOTH), objective(BOTH)])
    score, grad = gradient_of(tiny, mixed)(three)
    own_score, own_grad = gradient_of(tiny, layer("c", 2))(three[1:2])
    pair_score, pair_grad = gradient_of(tiny, others)(three[0::2])
    assert torch.allclose(score, torch.cat([pair_score[:1], own_score, pair_score[1:]]), rtol=1e-5)
    assert torch.allclose(grad, torch.cat([pair_grad[:1], own_grad, pair_grad[1:]]), atol=1e-7)


def test_only_pictures_that_are_to_differ_begin_apart() -> None:
    wishes = [objective(each) for each in ["b:3", BOTH, "c", BOTH, BOTH]]
    assert number_noises(wishes) == [0, 0, 0, 1, 2]


def test_a_batch_becomes_unlike_pictures(tiny: TorchModel) -> None:
    with_it, without = visualize(tiny, [BOTH] * 3, SMALL), visualize(tiny, ["b:3"] * 3, SMALL)
    assert torch.equal(without[0], without[1])
    assert float((with_it[0] - with_it[1]).abs().mean()) > 0.05
    apart = visualize(tiny, ["b:3 + 0*diversity:c"] * 3, SMALL)  # from the same noises, without the wish to differ
    assert 1 - mean_likeness(with_it, tiny) > 5 * (1 - mean_likeness(apart, tiny))
    assert torch.equal(visualize(tiny, [BOTH] * 3, SMALL), with_it)


def test_the_others_of_such_a_batch_come_out_as_alone(tiny: TorchModel) -> None:
    mixed = visualize(tiny, [BOTH, "c:1", BOTH], SMALL)
    assert torch.allclose(mixed[1], visualize(tiny, "c:1", SMALL)[0], atol=1e-3)


def test_the_gradient_of_a_term_over_a_batch_is_the_slope_of_its_sum(tiny: TorchModel) -> None:
    planes = {"c": torch.rand(3, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))}

    def total(activations: torch.Tensor) -> torch.Tensor:
        wishes: PerImage = per_image([diversity("c"), 2 * diversity("c"), layer("c", 2)])
        return wishes({"c": activations}).sum()

    assert torch.autograd.gradcheck(total, planes["c"].requires_grad_(True))


def test_a_way_leads_from_one_objective_to_the_other(tiny: TorchModel, noise: Image) -> None:
    five = torch.cat([noise, noise.flip(3), noise[:1].flip(2)])
    first, last = (make_score_function(tiny, words)(five) for words in ("b:3 - 0.1*tv", "c^2"))
    share = torch.tensor([0, 0.25, 0.5, 0.75, 1])
    scores = make_score_function(tiny, "interpolate(b:3 - 0.1*tv, c^2)")(five)
    assert torch.allclose(scores, (1 - share) * first + share * last, rtol=1e-4, atol=1e-5)


def test_neighbors_are_aligned_by_their_squared_distance(tiny: TorchModel, noise: Image) -> None:
    six = torch.cat([noise, noise.flip(3), noise.flip(2)])
    seen = tiny(six, ["c"])["c"]
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6) if b - a <= 4]
    expected = -sum((seen[a] - seen[b]).square().mean() / 2 ** (b - a) for a, b in pairs)
    scores = make_score_function(tiny, "alignment:c")(six)
    assert torch.allclose(scores.sum(), expected, rtol=1e-4)
    assert float(make_score_function(tiny, "alignment:c")(noise[:1])) == 0


@pytest.mark.parametrize("words", ["diversity:c", "alignment:c", "interpolate(c:1, b:2 - b:3)"])
def test_the_gradients_are_slopes(words: str) -> None:
    generator = torch.Generator().manual_seed(1)
    planes = [torch.rand(3, 4, 5, 6, dtype=torch.float64, generator=generator, requires_grad=True) for _ in "bc"]
    wish = objective(words)
    assert torch.autograd.gradcheck(lambda b, c: wish({"b": b, "c": c}).sum(), planes)


def test_one_picture_alone_is_refused(noise: Image) -> None:
    for words in ("diversity:fire8", "fire8 + 2*alignment:fire8", "interpolate(fire8:1, fire8:2)"):
        with pytest.raises(SettingsError, match="compares the pictures of a batch, and this is one alone"):
            refuse_batch_terms(objective(words))
        with pytest.raises(SettingsError, match="one alone"):
            prepare(Job(VisualRecipe(words)))


@pytest.mark.parametrize("weight", [2, 0.5])
def test_a_batch_of_photos_is_dreamed_apart(tiny: TorchModel, noise: Image, weight: Any) -> None:
    score, _ = gradient_of(tiny, weight * diversity("d"))(noise)
    assert torch.allclose(score, weight * make_score_function(tiny, diversity("d"))(noise), rtol=1e-5)
