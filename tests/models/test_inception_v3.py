"""The paper's network: its sizes, its parameters, its folding and its precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reverie.errors import UnknownName, WeightsError
from reverie.models.networks.inception_blocks import ConvSpec, creation_order, keras_order, parse_blocks
from reverie.models.networks.inception_v3 import InceptionV3
from reverie.models.networks.inception_weights import (
    BATCH_NORM_EPSILON,
    convert_weights,
    count_published_parameters,
    draw_random_weights,
)
from reverie.models.weights import read_weights, save_weights

MIXED = tuple(f"mixed{i}" for i in range(11))
CHANNELS = (256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048)
SIDES = {  # published or derived by hand: input -> mixed0-2, mixed3-7, mixed8-10
    75: (7, 3, 1), 128: (13, 6, 2), 150: (16, 7, 3), 224: (25, 12, 5), 225: (25, 12, 5), 256: (29, 14, 6),
    299: (35, 17, 8), 309: (36, 17, 8), 320: (37, 18, 8), 326: (38, 18, 8), 333: (39, 19, 9), 375: (44, 21, 10),
    400: (47, 23, 11), 450: (53, 26, 12), 457: (54, 26, 12), 464: (55, 27, 13), 489: (58, 28, 13), 500: (60, 29, 14),
    512: (61, 30, 14), 600: (72, 35, 17), 640: (77, 38, 18), 685: (83, 41, 20), 960: (117, 58, 28),
    1024: (125, 62, 30), 1920: (237, 118, 58),
}  # fmt: skip


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return draw_random_weights(3)


@pytest.fixture(scope="module")
def network(tensors: dict[str, Tensor]) -> InceptionV3:
    return InceptionV3(tensors).to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def nowhere() -> InceptionV3:
    """The network on torch's meta device, which knows shapes and computes nothing."""
    return InceptionV3.random(0).to("meta")


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """Smooth noise in -1..1, closer to a photograph than white noise is."""
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(seed))
    fine = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed + 1))
    smooth = F.interpolate(coarse, (height, width), mode="bilinear")
    return (1.6 * smooth + 0.4 * fine - 1).to(memory_format=torch.channels_last)


def score_and_grad(network: InceptionV3, image: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    image = image.detach().requires_grad_(True)
    found = network(image.to(dtype), ["mixed3", "mixed5"])
    score = found["mixed3"].mean() + found["mixed5"].mean()
    return score.detach(), torch.autograd.grad(score, image)[0]


@pytest.mark.parametrize("side", SIDES)
def test_spatial_sizes(nowhere: InceptionV3, side: int) -> None:
    found = nowhere(torch.empty(1, 3, side, 299, device="meta"), MIXED)
    expected = dict(zip(MIXED, [SIDES[side][0]] * 3 + [SIDES[side][1]] * 5 + [SIDES[side][2]] * 3, strict=True))
    widths = dict(zip(MIXED, [35] * 3 + [17] * 5 + [8] * 3, strict=True))
    for name, channels in zip(MIXED, CHANNELS, strict=True):
        assert found[name].shape == (1, channels, expected[name], widths[name])


def test_parameters_are_as_published(network: InceptionV3) -> None:
    trainable, fixed = (sum(numbers) for numbers in zip(*network.block_parameters.values(), strict=True))
    assert (trainable + fixed, trainable, fixed) == (21_802_784, 21_768_352, 34_432)


def test_parameters_are_counted_from_the_tensors(tensors: dict[str, Tensor]) -> None:
    kernel = "conv1.0.0.kernel"
    smaller = tensors | {kernel: tensors[kernel][:, :, :2]}
    assert count_published_parameters(smaller)["conv1"] == (32 * 3 * 2 * 3 + 32, 64)
    assert list(count_published_parameters(tensors)) == [
        name for name in InceptionV3.LAYERS if not name.startswith("pool")
    ]


def plain(image: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network as written down: every branch by itself, batch norm unfolded, torch's own layers."""

    def unit(at: Tensor, conv: ConvSpec) -> Tensor:
        kernel, beta, mean, variance = (
            tensors[f"{conv.name}.{part}"] for part in ("kernel", "beta", "mean", "variance")
        )
        at = F.conv2d(at, kernel.to(at.dtype), None, conv.stride, conv.padding)
        statistics = (mean.to(at.dtype), variance.to(at.dtype))
        return F.relu(F.batch_norm(at, *statistics, None, beta.to(at.dtype), eps=BATCH_NORM_EPSILON))

    found: dict[str, Tensor] = {}
    for name, branches in parse_blocks().items():
        answers = []
        for branch in branches:
            at = image
            if branch.pool == "average":
                at = F.avg_pool2d(at, 3, 1, 1, count_include_pad=False)
            elif branch.pool == "max":
                at = F.max_pool2d(at, 3, 2)
            for stage in branch.stages:
                at = torch.cat([unit(at, conv) for conv in stage], 1)
            answers.append(at)
        image = found[name] = torch.cat(answers, 1)
    return found


def test_every_layer_and_its_gradient_are_those_of_the_plain_network(
    network: InceptionV3, tensors: dict[str, Tensor]
) -> None:
    """In float64 for the plain one; folding, joining and changing places leave only float32's rounding."""
    image = picture(91, 107).requires_grad_(True)
    exact = image.detach().double().requires_grad_(True)
    ours, theirs = network(image, InceptionV3.LAYERS), plain(exact, tensors)
    for name in InceptionV3.LAYERS:
        difference = (ours[name] - theirs[name]).norm() / theirs[name].norm()
        assert difference < 1e-5, name
    for name in ("conv3", "pool1", "mixed2", "mixed3", "mixed8", "mixed10"):
        (grad,) = torch.autograd.grad(ours[name].square().mean(), image, retain_graph=True)
        (right,) = torch.autograd.grad(theirs[name].square().mean(), exact, retain_graph=True)
        assert (grad - right).norm() < 1e-4 * right.norm(), name


def test_asking_for_a_layer_before_a_pool_changes_nothing_else(network: InceptionV3) -> None:
    image = picture(75, 80).requires_grad_(True)
    alone, among = network(image, ["mixed0"]), network(image, ["conv3", "conv5", "mixed0"])
    torch.testing.assert_close(alone["mixed0"], among["mixed0"])
    (one,) = torch.autograd.grad(alone["mixed0"].mean(), image)
    (other,) = torch.autograd.grad(among["mixed0"].mean(), image, retain_graph=True)
    torch.testing.assert_close(one, other)
    assert among["conv3"].min() == 0 and among["conv5"].min() == 0


def test_nothing_above_the_highest_layer_is_computed(network: InceptionV3, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    block = network.block

    def counted(name: str) -> Any:
        reached.append(name)
        return block(name)

    monkeypatch.setattr(network, "block", counted)
    found = network(picture(75, 75), ["mixed1", "conv4"])
    assert set(found) == {"mixed1", "conv4"}
    assert reached == list(InceptionV3.LAYERS[: InceptionV3.LAYERS.index("mixed1") + 1])


def test_images_of_a_batch_do_not_influence_each_other(network: InceptionV3) -> None:
    images = torch.cat([picture(75, 90, seed) for seed in (1, 2)])
    both = network(images, ["mixed4"])["mixed4"]
    torch.testing.assert_close(both[1:], network(images[1:], ["mixed4"])["mixed4"], rtol=1e-4, atol=1e-5)


def test_untrained_activations_neither_vanish_nor_explode(network: InceptionV3) -> None:
    found = network(picture(139, 139), MIXED)
    for name in MIXED:
        assert 0.05 < found[name].std() < 20, name


def test_bfloat16_points_where_float32_does(network: InceptionV3, tensors: dict[str, Tensor]) -> None:
    half = InceptionV3(tensors).to(torch.bfloat16).to(memory_format=torch.channels_last)
    image = picture(160, 160)
    score, grad = score_and_grad(network, image)
    for _ in range(2):  # with plain weights, then with packed ones
        rough_score, rough = score_and_grad(half, image, torch.bfloat16)
        assert abs(rough_score - score) < 0.01 * score
        assert F.cosine_similarity(rough.flatten(), grad.flatten(), 0) > 0.95


def test_nothing_here_wants_a_gradient_but_the_image(network: InceptionV3) -> None:
    assert list(network.parameters()) == []
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_same_seed_same_network() -> None:
    one, same, other = draw_random_weights(5), draw_random_weights(5), draw_random_weights(6)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["conv1.0.0.kernel"], other["conv1.0.0.kernel"])


def test_unknown_layer_names_the_nearest(network: InceptionV3) -> None:
    with pytest.raises(UnknownName, match=r"mixed11.*mixed1"):
        network(picture(75, 75), ["mixed11"])


def test_own_file_brings_the_same_network_back(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    save_weights(tensors, tmp_path / "own.safetensors")
    back = convert_weights(read_weights(tmp_path / "own.safetensors"))
    assert list(back) == [
        f"{conv.name}.{part}" for conv in creation_order() for part in ("kernel", "beta", "mean", "variance")
    ]
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def as_keras(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Under Keras's names and in its order, with the numbers of a session that had made other layers before."""
    found = {}
    for place, conv in enumerate(keras_order()):
        found[f"conv2d_{200 - place}/kernel"] = tensors[f"{conv.name}.kernel"].permute(2, 3, 1, 0)
        for part in ("beta", "mean", "variance"):
            found[f"norm_{200 - place}/{part}"] = tensors[f"{conv.name}.{part}"]
    return found


def test_keras_order_decides_not_keras_numbers(tensors: dict[str, Tensor]) -> None:
    back = convert_weights(as_keras(tensors))
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def changed(tensors: dict[str, Tensor], name: str, tensor: Tensor | None) -> dict[str, Tensor]:
    return {n: t for n, t in (tensors | {name: tensor}).items() if t is not None}


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("mixed0.1.1.kernel", None, r"mixed0\.1\.1\.kernel is missing"),
        (
            "mixed0.1.1.kernel",
            torch.zeros(64, 48, 3, 3),
            r"kernel has shape \(64, 48, 3, 3\), expected \(64, 48, 5, 5\)",
        ),
        ("mixed9.1.1b.beta", torch.full((384,), torch.nan), r"mixed9\.1\.1b\.beta"),
        ("mixed9.1.1b.beta", torch.zeros(384, dtype=torch.int32), r"mixed9\.1\.1b\.beta"),
        ("dense.kernel", torch.zeros(2, 2), "377"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    tensors: dict[str, Tensor], name: str, tensor: Tensor | None, says: str
) -> None:
    with pytest.raises(WeightsError, match=says) as error:
        convert_weights(changed(tensors, name, tensor))
    assert "\n" not in str(error.value)


def test_the_top_of_a_file_is_left_out(tensors: dict[str, Tensor]) -> None:
    top = {"predictions/kernel": torch.zeros(2048, 1000), "predictions/bias": torch.zeros(1000)}
    back = convert_weights(as_keras(tensors) | top)
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)
    with pytest.raises(WeightsError, match="94 kernels and 283 vectors"):
        convert_weights(as_keras(tensors) | {"predictions/bias": top["predictions/bias"]})


def test_keras_weights_of_another_network_are_refused(tensors: dict[str, Tensor]) -> None:
    keras = as_keras(tensors)
    with pytest.raises(WeightsError, match=r"93 kernels.*expected 94"):
        convert_weights(changed(keras, "conv2d_150/kernel", None))
    with pytest.raises(WeightsError, match=r"conv2d_200/kernel has shape .*expected \(32, 3, 3, 3\)"):
        convert_weights(changed(keras, "conv2d_200/kernel", torch.zeros(7, 7, 3, 64)))
