"""The octave loop: what it climbs, what it skips, what it leaves behind, and what it owes to chance."""

from __future__ import annotations

import gc
import logging
import weakref
from itertools import islice

import pytest
import torch

from reverie.ascent.octaves import dream_steps, finish_dream, render_full_size
from reverie.errors import ImageTooSmall, ScoreError, UnknownName, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.compose import dream_gradient
from reverie.gradient.normalization import normalized
from reverie.image.resample import image_size, resize, resize_longest_side
from reverie.jobs.shortcuts import dream
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import channel, layer, neuron
from reverie.objectives.parser import objective
from reverie.settings import Settings
from reverie.types import Gradient, Image, Score

FEW = Settings(octaves=3, octave_scale=1.3, steps=4, jitter=4)


def counting(gradient: Gradient, asked: list[tuple[int, int]]) -> Gradient:
    """The same gradient; the sizes it was asked about are noted."""

    def noted(image: Image) -> tuple[Score, Image]:
        asked.append(image_size(image))
        return gradient(image)

    return noted


@pytest.mark.parametrize("words", ["d^2", "c:3", "d:2@", "d - 0.001*tv"])
def test_a_dream_raises_the_score(words: str, tiny: TorchModel, noise: Image) -> None:
    score = make_score_function(tiny, objective(words))
    dreamed = dream(noise, tiny, words, FEW)
    assert (score(dreamed) > 1.05 * score(noise)).all()
    assert dreamed.shape == noise.shape
    assert float(dreamed.min()) >= 0 and float(dreamed.max()) <= 1


def test_the_same_seed_gives_the_same_bytes(tiny: TorchModel, noise: Image) -> None:
    one, two, other = (dream(noise, tiny, "d", Settings(octaves=2, steps=3, jitter=8, seed=seed)) for seed in (7, 7, 8))
    assert one.numpy().tobytes() == two.numpy().tobytes()
    assert not torch.equal(one, other)


def test_words_and_values_dream_the_same(tiny: TorchModel, noise: Image) -> None:
    wish = layer("d", 2) + 0.5 * channel("c", 3)
    assert torch.equal(dream(noise, tiny, wish, FEW), dream(noise, tiny, "d^2 + 0.5*c:3", FEW))


def test_each_step_asks_the_gradient_once_and_only_when_asked(tiny: TorchModel, noise: Image) -> None:
    asked: list[tuple[int, int]] = []
    steps = dream_steps(noise, counting(dream_gradient(tiny, "d", FEW), asked), FEW)
    assert asked == []
    taken = list(islice(steps, 6))
    assert len(asked) == 6
    assert [(step.octave, step.number, step.octaves) for step in taken] == [
        (0, 0, 3), (0, 1, 3), (0, 2, 3), (0, 3, 3), (1, 0, 3), (1, 1, 3)
    ]  # fmt: skip
    taken += steps
    assert len(asked) == 12
    assert asked == [image_size(step.image) for step in taken]
    assert sorted(set(asked)) == [(24, 28), (31, 37), (40, 48)]
    assert [step.last for step in taken] == 11 * [False] + [True]


def test_the_last_step_is_the_picture(tiny: TorchModel, noise: Image) -> None:
    *_, last = dream_steps(noise, dream_gradient(tiny, "d", FEW), FEW)
    assert render_full_size(last, noise) is last.image
    assert torch.equal(dream(noise, tiny, "d", FEW), last.image)


def test_every_step_can_be_seen_whole(tiny: TorchModel, noise: Image) -> None:
    settings = Settings(octaves=4, larger_octaves=1, steps=2, jitter=0)
    score = make_score_function(tiny, layer("d"))
    for step in dream_steps(noise, dream_gradient(tiny, "d", settings), settings):
        picture = render_full_size(step, noise)
        assert picture.shape == noise.shape and float(picture.min()) >= 0 and float(picture.max()) <= 1
        assert (score(picture) > score(noise)).all()


def test_where_nothing_is_dreamed_the_photograph_keeps_its_sharpness(noise: Image) -> None:
    def nothing(image: Image) -> tuple[Score, Image]:
        return torch.zeros(len(image)), torch.zeros_like(image)

    for step in dream_steps(noise, nothing, FEW):
        assert torch.allclose(render_full_size(step, noise), noise, atol=1e-5)


def test_what_was_dreamed_small_is_kept_in_the_large(tiny: TorchModel, noise: Image) -> None:
    """The first step of an octave starts from the photograph plus the enlarged detail of the one before."""
    steps = list(dream_steps(noise, dream_gradient(tiny, "d", FEW), FEW))
    small, size = steps[3].image, image_size(steps[4].image)
    seen: list[Image] = []

    def look(image: Image) -> tuple[Score, Image]:
        seen.append(image)
        return torch.zeros(len(image)), torch.zeros_like(image)

    start = resize(noise, size) + resize(small - resize(noise, image_size(small)), size)
    inner = dream_gradient(tiny, "d", FEW)
    list(dream_steps(noise, lambda image: inner(image) if image.shape[2] < 31 else look(image), FEW))
    assert torch.allclose(seen[0], start.clamp(0, 1), atol=1e-5)


def test_an_octave_too_small_is_skipped_with_a_word(
    tiny: TorchModel, noise: Image, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(octaves=5, octave_scale=1.5, steps=2, jitter=0)
    steps = list(dream_steps(noise, dream_gradient(tiny, "d", settings), settings))
    assert [step.octave for step in steps] == [2, 2, 3, 3, 4, 4]
    assert [record.getMessage().split(": ")[0] for record in caplog.records] == [
        f"octave {number} of 5 skipped" for number in (1, 2)
    ]
    assert "the smallest side that works is 17" in caplog.text


def test_a_picture_too_small_at_every_octave_is_refused(tiny: TorchModel, caplog: pytest.LogCaptureFixture) -> None:
    small = torch.rand(1, 3, 16, 40)
    with pytest.raises(ImageTooSmall, match=r"40 x 16 pixels .* smallest side that works is 17"):
        dream(small, tiny, "d", FEW)
    assert caplog.records == []  # the error says it all
    assert dream(small, tiny, "d", Settings(size=43, steps=1)).shape == (1, 3, 17, 43)


def test_a_neuron_beyond_a_small_octave_waits_for_a_larger_one(
    tiny: TorchModel, noise: Image, caplog: pytest.LogCaptureFixture
) -> None:
    wish = neuron("b", 1, (17, 20))
    steps = list(dream_steps(noise, dream_gradient(tiny, wish, FEW), FEW))
    assert {step.octave for step in steps} == {2}
    assert "b:1@17,20: at this size b has the rows 0 to 9 and the columns 0 to 11" in caplog.text
    with pytest.raises(ImageTooSmall, match="rows 0 to 17"):
        dream(noise, tiny, neuron("b", 1, (18, 0)), FEW)


def test_a_mistake_is_refused_before_the_first_step(tiny: TorchModel) -> None:
    with pytest.raises(WordingError):
        dream_gradient(tiny, "d +", FEW)
    with pytest.raises(UnknownName):
        dream_gradient(tiny, "e", FEW)


def test_a_score_that_is_no_number_ends_the_dream_with_the_picture_before(tiny: TorchModel, noise: Image) -> None:
    taken: list[tuple[int, int]] = []
    inner = counting(normalized(gradient_of(tiny, layer("d"))), taken)

    def failing(image: Image) -> tuple[Score, Image]:
        score, grad = inner(image)
        return (score if len(taken) < 6 else score * float("nan")), grad

    steps = dream_steps(noise, failing, FEW)
    good = list(islice(steps, 5))
    with pytest.raises(ScoreError) as caught:
        next(steps)
    assert torch.equal(caught.value.image, good[-1].image)


@pytest.mark.parametrize(("most", "taken"), [(-1.0, [1, 1, 1]), (None, [4, 4, 4]), (1e30, [4, 4, 4])])
def test_an_octave_ends_early_above_the_highest_score(
    most: float | None, taken: list[int], tiny: TorchModel, noise: Image
) -> None:
    settings = Settings(octaves=3, steps=4, jitter=0, max_score=most)
    steps = list(dream_steps(noise, dream_gradient(tiny, "d", settings), settings))
    assert [sum(step.octave == octave for step in steps) for octave in range(3)] == taken


@pytest.mark.parametrize(("size", "shape"), [(24, (20, 24)), (48, (40, 48)), (96, (80, 96)), (None, (40, 48))])
def test_the_dream_has_the_size_asked_for(
    size: int | None, shape: tuple[int, int], tiny: TorchModel, noise: Image
) -> None:
    for larger in (0, 1):
        settings = Settings(size=size, octaves=2, larger_octaves=larger, steps=1)
        assert image_size(dream(noise, tiny, "d", settings)) == shape
    assert image_size(resize_longest_side(noise, size)) == shape


def test_pictures_of_a_batch_are_dreamed_as_alone(tiny: TorchModel, noise: Image) -> None:
    together = dream(noise, tiny, "d", FEW)
    for number in (0, 1):
        alone = dream(noise[number : number + 1], tiny, "d", FEW)
        assert torch.allclose(alone[0], together[number], atol=1e-3)
    other = torch.cat([noise[:1], torch.rand_like(noise[1:])])
    assert torch.equal(dream(other, tiny, "d", FEW)[0], together[0])


def test_a_stopped_dream_leaves_nothing_behind(tiny: TorchModel, noise: Image) -> None:
    undisturbed = dream(noise, tiny, "d", FEW)
    steps = dream_steps(noise, dream_gradient(tiny, "d", FEW), FEW)
    step = weakref.ref(next(steps).image)
    steps.close()  # type: ignore[attr-defined]
    del steps
    gc.collect()
    assert step() is None
    assert all(not module._forward_hooks and not module._backward_hooks for module in tiny.network.modules())
    assert all(parameter.grad is None for parameter in tiny.network.parameters())
    assert torch.equal(dream(noise, tiny, "d", FEW), undisturbed)


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_a_flat_picture_can_be_dreamed(shade: float, tiny: TorchModel) -> None:
    dreamed = dream(torch.full((1, 3, 40, 40), shade), tiny, "d^2", FEW)
    assert torch.isfinite(dreamed).all() and dreamed.std() > 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 3)])
def test_a_wish_for_the_picture_alone_takes_any_size(size: tuple[int, int], tiny: TorchModel) -> None:
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    assert torch.isfinite(dream(image, tiny, "-tv", Settings(octaves=4, steps=3, smoothing=2))).all()


def test_without_a_step_the_picture_is_the_photograph(noise: Image) -> None:
    assert finish_dream(iter(()), noise) is noise


def test_the_core_is_silent(
    tiny: TorchModel, noise: Image, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dream(noise, tiny, "d", FEW)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
