"""The waist and its wrappers: each law on a random network, or on a gradient simple enough to know by heart."""

from __future__ import annotations

from collections.abc import Collection

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reverie.errors import ImageTooSmall, SettingsError, UnknownName
from reverie.gradient.base import color_correlated, gradient_of, jittered, make_score_function, roll_image, smoothed
from reverie.gradient.compose import dream_gradient
from reverie.gradient.normalization import laplacian_normalized, normalized
from reverie.image.color import color_covariance
from reverie.image.filters import gaussian_blur
from reverie.image.pyramid import split_laplacian
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import layer
from reverie.objectives.parser import objective
from reverie.objectives.penalties import total_variation
from reverie.settings import Settings
from reverie.types import Activations, Gradient, Image, Score


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def squares(image: Image) -> tuple[Score, Image]:
    """Every pixel for itself: blind to where it is."""
    return image.square().sum((1, 2, 3)), 2 * image


def neighbors(image: Image) -> tuple[Score, Image]:
    """Every pixel beside its next, around the edges: blind to shifts."""
    return (image * image.roll(1, 2)).sum((1, 2, 3)), image.roll(1, 2) + image.roll(-1, 2)


def ramp(image: Image) -> tuple[Score, Image]:
    """Counts more to the right: sees every shift."""
    weights = torch.arange(image.shape[3]).expand_as(image).float()
    return (image * weights).sum((1, 2, 3)), weights.clone()


def giving(grad: Image) -> Gradient:
    """A gradient that answers with this grad, whatever it sees."""
    return lambda image: (torch.zeros(len(image)), grad)


def clouds(batch: int = 2, side: int = 64) -> Image:
    """A grad as networks give it: its coarse bands far stronger than its fine ones, its colors apart."""
    bands = [torch.randn(batch, 3, side // step, side // step, generator=generator(step)) for step in (1, 4, 16)]
    enlarged = [torch.nn.functional.interpolate(band, (side, side), mode="bicubic") for band in bands]
    return 1e-6 * (0.03 * enlarged[0] + 0.3 * enlarged[1] + 3 * enlarged[2])


@pytest.mark.parametrize("words", ["a", "d^2", "b:3^3", "c:4@", "d:2@1,0", "a + 0.5*d:1 - 2*c"])
def test_the_gradient_is_the_slope_of_the_score(words: str, tiny: TorchModel, noise: Image) -> None:
    wish = objective(words)
    _, grad = gradient_of(tiny, wish)(noise)
    score = make_score_function(tiny, wish)
    for seed in range(3):
        way = torch.randn(noise.shape, generator=generator(seed))
        way = way / way.norm() + grad / grad.norm()
        slope = (score(noise + 0.02 * way).double() - score(noise - 0.02 * way).double()) / 0.04
        assert torch.allclose(
            slope, (grad * way).sum((1, 2, 3)).double(), rtol=0.02, atol=1e-4 * float(slope.abs().max())
        )


def test_the_gradient_leaves_the_image_alone(tiny: TorchModel, noise: Image) -> None:
    before = noise.clone()
    with torch.no_grad():
        score, grad = gradient_of(tiny, layer("d"))(noise)
    assert torch.equal(noise, before) and not noise.requires_grad and noise.grad is None
    assert not score.requires_grad and not grad.requires_grad
    assert score.dtype == grad.dtype == torch.float32 and grad.shape == noise.shape


@pytest.mark.parametrize("gradient", [squares, neighbors])
def test_jitter_leaves_a_shift_blind_gradient_unchanged(gradient: Gradient, noise: Image) -> None:
    score, grad = gradient(noise)
    for seed in range(5):
        jittered_score, jittered_grad = jittered(gradient, 7, generator(seed))(noise)
        assert torch.equal(jittered_grad, grad)
        assert torch.allclose(jittered_score, score)


def test_jitter_shifts_by_up_to_its_reach(noise: Image) -> None:
    seen = set()

    def look(image: Image) -> tuple[Score, Image]:
        y, x = (image[0, 0] == 9).nonzero()[0].tolist()
        seen.add((y - 20, x - 24))
        return torch.zeros(2), image

    noise[0, 0, 20, 24] = 9
    shifted = jittered(look, 2, generator())
    for _ in range(300):
        _, grad = shifted(noise)
        assert torch.equal(grad, noise)
    assert seen == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}


def test_jitter_repeats_with_its_seed(noise: Image) -> None:
    grads = [
        [shifted(noise)[1] for _ in range(4)] for shifted in (jittered(ramp, 9, generator(seed)) for seed in (1, 1, 2))
    ]
    assert all(map(torch.equal, grads[0], grads[1]))
    assert not all(map(torch.equal, grads[0], grads[2]))
    assert not all(torch.equal(grads[0][0], grad) for grad in grads[0])


def test_a_wrapper_of_no_strength_is_the_gradient_itself() -> None:
    assert jittered(squares, 0, generator()) is squares
    assert color_correlated(squares, 0) is squares
    assert laplacian_normalized(squares, 4, 0) is squares
    assert laplacian_normalized(squares, 0, 1) is squares
    assert smoothed(squares, 0) is squares
    assert normalized(squares, "none") is squares


def test_colors_are_mixed_as_the_covariance_says(noise: Image) -> None:
    covariance = color_covariance()
    assert torch.allclose(covariance, covariance.T) and (torch.linalg.eigvalsh(covariance) > 0).all()
    assert torch.allclose(covariance.norm(), torch.eye(3).norm())
    _, grad = color_correlated(giving(noise), 1)(noise)
    assert torch.allclose(grad[1, :, 5, 7], covariance @ noise[1, :, 5, 7], atol=1e-6)
    _, half = color_correlated(giving(noise), 0.5)(noise)
    assert torch.allclose(half, (grad + noise) / 2, atol=1e-6)


def test_the_more_correlated_the_grayer() -> None:
    grad = torch.randn(1, 3, 32, 32, generator=generator())
    grays = []
    for share in (0, 0.3, 0.6, 1):
        _, mixed = color_correlated(giving(grad), share)(grad)
        grays.append(float(mixed.mean(1).std() / mixed.std()))
    assert grays == sorted(grays) and grays[-1] > 1.5 * grays[0]


def rms(band: Image) -> torch.Tensor:
    return band.square().mean((1, 2, 3)).sqrt()


def spread(grad: Image) -> float:
    """How much stronger the strongest band is than the weakest."""
    strengths = torch.stack([rms(band) for band in split_laplacian(grad, 4)])
    return float((strengths.amax(0) / strengths.amin(0)).max())


def test_laplacian_normalization_evens_out_the_bands() -> None:
    grad = clouds()
    spreads = [spread(laplacian_normalized(giving(grad), 4, strength)(grad)[1]) for strength in (0, 0.25, 0.5, 0.75, 1)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 30 and spreads[-1] < 5  # not 1: what is fine leaves a trace in the coarser bands


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_laplacian_normalization_takes_its_share_of_any_scale(strength: float) -> None:
    grad = clouds()
    _, once = laplacian_normalized(giving(grad), 4, strength)(grad)
    _, thousandfold = laplacian_normalized(giving(1000 * grad), 4, strength)(grad)
    assert torch.allclose(thousandfold, 1000 ** (1 - strength) * once, rtol=1e-3, atol=1e-4 * float(thousandfold.std()))


@pytest.mark.parametrize("by", ["std", "mean-abs"])
def test_each_picture_of_a_batch_is_normalized_by_itself(by: str) -> None:
    grad = clouds() * torch.tensor([1.0, 1e-6]).view(2, 1, 1, 1)
    _, scaled = normalized(giving(grad), by)(grad)
    scale = scaled.std((1, 2, 3), correction=0) if by == "std" else scaled.abs().mean((1, 2, 3))
    assert torch.allclose(scale, torch.ones(2), rtol=1e-4)
    one, two = scaled[1].flatten(), grad[1].flatten()
    assert torch.allclose(one / one.norm(), two / two.norm(), atol=1e-5)


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(SettingsError, match="'max'; expected one of std, mean-abs, none"):
        normalized(squares, "max")


def wrapped(gradient: Gradient) -> dict[str, Gradient]:
    return {
        "jitter": jittered(gradient, 5, generator(3)),
        "color": color_correlated(gradient, 0.6),
        "bands": laplacian_normalized(gradient, 4, 0.5),
        "all bands": laplacian_normalized(gradient, 3, 1),
        "blur": smoothed(gradient, 1.5),
        "std": normalized(gradient, "std"),
        "mean-abs": normalized(gradient, "mean-abs"),
    }


KINDS = list(wrapped(squares))


@pytest.mark.parametrize("kind", KINDS)
def test_a_grad_of_nothing_stays_nothing(kind: str) -> None:
    nothing = torch.zeros(2, 3, 20, 20)
    _, grad = wrapped(squares)[kind](nothing)
    assert torch.equal(grad, nothing)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_a_batch_never_influence_each_other(kind: str, tiny: TorchModel, noise: Image) -> None:
    other = torch.stack([noise[0], torch.rand(noise[1].shape, generator=generator(8))])
    score, grad = wrapped(gradient_of(tiny, layer("d", 2)))[kind](noise)
    other_score, other_grad = wrapped(gradient_of(tiny, layer("d", 2)))[kind](other)
    assert torch.equal(score[0], other_score[0]) and torch.equal(grad[0], other_grad[0])
    assert not torch.equal(grad[1], other_grad[1])
    _, alone = wrapped(gradient_of(tiny, layer("d", 2)))[kind](noise[:1])
    assert torch.allclose(alone, grad[:1], rtol=1e-3, atol=1e-5 * float(grad.abs().max()))


def test_weights_do_not_change_the_way(tiny: TorchModel, noise: Image) -> None:
    """Whatever the objective is multiplied by, the normalized grad is the same."""
    grads = [dream_gradient(tiny, weight * layer("d"), Settings())(noise)[1] for weight in (1, 1e-6, 1e6)]
    assert torch.allclose(grads[0], grads[1], rtol=1e-3, atol=1e-4)
    assert torch.allclose(grads[0], grads[2], rtol=1e-3, atol=1e-4)


def test_blur_keeps_what_is_flat_and_softens_what_is_not(noise: Image) -> None:
    flat = torch.full((1, 3, 20, 30), 0.7)
    assert torch.allclose(gaussian_blur(flat, 2.5), flat, atol=1e-6)
    softer = [float(gaussian_blur(noise, sigma).std()) for sigma in (0.3, 1, 3)]
    assert float(noise.std()) > softer[0] > softer[1] > softer[2]
    assert torch.allclose(gaussian_blur(noise, 1).mean(), noise.mean(), atol=0.01)


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    point = torch.zeros(1, 3, 41, 41)
    point[0, :, 20, 20] = 1
    spread = gaussian_blur(point, 2.0)[0, 1]
    places = torch.arange(-20.0, 21)
    assert torch.allclose(spread.sum(), torch.tensor(1.0), atol=1e-5)
    assert float((spread.sum(0) * places**2).sum()) == pytest.approx(4, rel=0.05)
    assert torch.allclose(spread, spread.T, atol=1e-7)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_blur_takes_a_picture_smaller_than_itself(side: int) -> None:
    image = torch.rand(1, 3, side, 9, generator=generator())
    assert torch.isfinite(gaussian_blur(image, 50.0)).all()


def test_an_unknown_layer_is_refused_with_the_nearest(tiny: TorchModel) -> None:
    with pytest.raises(UnknownName, match="no layer of tiny is called 'e'; known: a, b, c, d"):
        gradient_of(tiny, layer("a") + layer("e"))


@pytest.mark.parametrize(("name", "side"), [("a", 3), ("b", 5), ("c", 9), ("d", 17)])
def test_the_smallest_side_that_works_is_named_and_works(name: str, side: int, tiny: TorchModel) -> None:
    gradient = gradient_of(tiny, layer(name))
    _, grad = gradient(torch.rand(1, 3, side, side))
    assert torch.isfinite(grad).all()
    for height, width in ((side - 1, side - 1), (side - 1, 100), (100, side - 1)):
        with pytest.raises(ImageTooSmall, match=f"{width} x {height} .* smallest side that works is {side};"):
            gradient(torch.rand(1, 3, height, width))


def test_an_objective_without_layers_asks_no_network(tiny: TorchModel) -> None:
    score, grad = gradient_of(tiny, -total_variation())(torch.rand(1, 3, 1, 2))
    assert score < 0 and grad.abs().sum() > 0


class Broken:
    """A network that fails whatever it sees."""

    name, layers, device, precision, digest = "broken", ("a",), torch.device("cpu"), "float32", "0"
    parameters: dict[str, tuple[int, int]] = {}  # noqa: RUF012

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        raise RuntimeError("out of luck")


def test_a_failing_network_is_not_taken_for_a_small_picture() -> None:
    with pytest.raises(RuntimeError, match="out of luck"):
        gradient_of(Broken(), layer("a"))(torch.rand(1, 3, 64, 64))


@given(st.integers(-50, 50), st.integers(-50, 50))
def test_rolling_is_torchs(down: int, right: int) -> None:
    image = torch.arange(2.0 * 3 * 7 * 9).view(2, 3, 7, 9)
    assert torch.equal(roll_image(image, down, right), torch.roll(image, (down, right), (2, 3)))
