"""What lies within the bundled networks' layers is what the published networks compute there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import reverie as rv
from reverie.errors import UnknownLayer
from reverie.gradient.base import gradient_of
from reverie.models.describe import describe_layers
from reverie.models.layer_names import rename_layers
from reverie.models.networks.inception_blocks import ConvSpec, creation_order, parse_blocks
from reverie.models.networks.inception_v3 import InceptionV3
from reverie.models.networks.inception_weights import BATCH_NORM_EPSILON, draw_random_weights
from reverie.models.networks.squeezenet import SqueezeNet

HOW: dict[str, Any] = {"weights": "random", "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def squeezenet() -> SqueezeNet:
    return SqueezeNet.random(1).to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return draw_random_weights(3)


@pytest.fixture(scope="module")
def inception(tensors: dict[str, Tensor]) -> InceptionV3:
    return InceptionV3(tensors).to(memory_format=torch.channels_last)


def picture(height: int, width: int) -> Tensor:
    made = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(4)) * 2 - 1
    return made.to(memory_format=torch.channels_last)


def plain_fire(network: Any, maps: Tensor, name: str) -> dict[str, Tensor]:
    """A fire module as it is published, in float64."""

    def run(part: str, at: Tensor) -> Tensor:
        own = getattr(network.blocks[name], part)
        return F.conv2d(at, own.weight.double(), own.bias.double(), 1, own.padding)

    found = {"squeeze_pre": run("squeeze", maps)}
    found["squeeze"] = found["squeeze_pre"].relu()
    for part in ("expand1x1", "expand3x3"):
        found[f"{part}_pre"] = run(part, found["squeeze"])
        found[part] = found[f"{part}_pre"].relu()
    whole = torch.cat([found["expand1x1_pre"], found["expand3x3_pre"]], 1)
    return {f"{name}/{part}": each for part, each in found.items()} | {f"{name}_pre": whole, name: whole.relu()}


def test_the_parts_of_a_fire_module(squeezenet: SqueezeNet) -> None:
    image = picture(80, 96)
    for name, below in (("fire2", "pool1"), ("fire8", "fire7")):
        maps = squeezenet(image, [below])[below].double()
        plain = plain_fire(squeezenet, maps, name)
        found = squeezenet(image, [*plain, "fire9"])
        assert {each for each, own in SqueezeNet.INNER.items() if own == name} == set(plain) - {name}
        for part, expected in plain.items():
            torch.testing.assert_close(found[part].double(), expected, rtol=1e-4, atol=1e-5, msg=part)


def name_number(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind


def plain_inception(image: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every layer by Keras's name, as the network is written down there, in float64."""
    numbers = {conv.name: number for number, conv in enumerate(creation_order())}
    found: dict[str, Tensor] = {}

    def unit(at: Tensor, conv: ConvSpec) -> Tensor:
        number = numbers[conv.name]
        kernel, beta, mean, variance = (
            tensors[f"{conv.name}.{part}"].double() for part in ("kernel", "beta", "mean", "variance")
        )
        at = found[name_number("conv2d", number)] = F.conv2d(at, kernel, None, conv.stride, conv.padding)
        at = F.batch_norm(at, mean, variance, None, beta, eps=BATCH_NORM_EPSILON)
        found[name_number("batch_normalization", number)] = at
        found[name_number("activation", number)] = at.relu()
        return at.relu()

    pools: dict[str, Callable[[Tensor], Tensor]] = {
        "average": lambda at: F.avg_pool2d(at, 3, 1, 1, count_include_pad=False),
        "max": lambda at: F.max_pool2d(at, 3, 2),
    }
    made = dict.fromkeys(pools, 0)
    for name, branches in parse_blocks().items():
        answers = []
        for branch in branches:
            at = image
            if branch.pool:
                at = found[name_number(f"{branch.pool}_pooling2d", made[branch.pool])] = pools[branch.pool](at)
                made[branch.pool] += 1
            for stage in branch.stages:
                at = torch.cat([unit(at, conv) for conv in stage], 1)
            answers.append(at)
        image = found[name] = torch.cat(answers, 1)
    return found


def test_every_layer_that_keras_names(inception: InceptionV3, tensors: dict[str, Tensor]) -> None:
    image = picture(91, 99)
    plain = plain_inception(image.double(), tensors)
    names = {name: InceptionV3.ALIASES.get(name, name) for name in plain}
    found = inception(image, set(names.values()))
    assert len(plain) == 3 * 94 + 9 + 4 + 18  # units, pools and blocks
    for name, expected in plain.items():
        difference = (found[names[name]].double() - expected).norm() / expected.norm()
        assert difference < 1e-5, name
    joined = {"mixed9_0", "concatenate", "mixed9_1", "concatenate_1"}
    others = {*joined, *(f"mixed{number}_pre" for number in range(11))}
    assert set(InceptionV3.ALL_LAYERS) - set(names.values()) == others
    for name in others - joined:
        torch.testing.assert_close(
            inception(image, [name])[name].relu().double(), plain[name[:-4]].clamp_min(0), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", ["conv2d_41", "activation_43", "mixed5_pre", "average_pooling2d_4", "mixed9_0"])
def test_gradients_of_inner_layers(name: str, inception: InceptionV3, tensors: dict[str, Tensor]) -> None:
    image = picture(91, 99).requires_grad_(True)
    exact = image.detach().double().requires_grad_(True)
    plain = plain_inception(exact, tensors)
    plain["mixed9_0"] = torch.cat([plain["activation_78"], plain["activation_79"]], 1)
    ends = (40, 43, 48, 49)
    plain["mixed5_pre"] = torch.cat([plain[f"batch_normalization_{number}"] for number in ends], 1)
    (grad,) = torch.autograd.grad(inception(image, [name])[name].square().mean(), image)
    (right,) = torch.autograd.grad(plain[name].square().mean(), exact)
    assert (grad - right).norm() < 1e-4 * right.norm()


def test_only_the_layers_below_are_run(inception: InceptionV3, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    block = inception.block

    def counted(name: str) -> Any:
        reached.append(name)
        return block(name)

    monkeypatch.setattr(inception, "block", counted)
    inception(picture(75, 75), ["batch_normalization_8"])
    assert reached == [*InceptionV3.LAYERS[: InceptionV3.LAYERS.index("mixed0")], "mixed0"]


def test_a_wish_beside_an_inner_layer_is_still_the_same(squeezenet: SqueezeNet) -> None:
    image = picture(80, 96)
    alone = squeezenet(image, ["fire5"])["fire5"]
    torch.testing.assert_close(squeezenet(image, ["fire5", "fire5/squeeze"])["fire5"], alone, rtol=1e-5, atol=1e-5)


def test_other_names_are_one_layer_and_recipes_hold_one_name(tmp_path: Any) -> None:
    model = rv.load_model("inception_v3", **HOW)
    assert isinstance(model, rv.Model)
    image = picture(91, 99) / 2 + 0.5
    one, other = model(image, ["mixed5/branch7x7", "activation_43"]).values()
    torch.testing.assert_close(one, other)
    wish = rv.objective("mixed5/branch7x7:3^2 + conv1_pre")
    named = rv.Objective(rename_layers(wish.terms, model))
    assert str(named) == "activation_43:3^2 + batch_normalization"
    scores = [gradient_of(model, each)(image) for each in (wish, named)]
    assert torch.equal(scores[0][0], scores[1][0]) and torch.equal(scores[0][1], scores[1][1])
    with pytest.raises(UnknownLayer, match=r"'mixed5/branch7x8'; did you mean mixed5/branch7x7"):
        gradient_of(model, rv.layer("mixed5/branch7x8"))


def test_the_short_list_comes_first() -> None:
    rows, _ = describe_layers("squeezenet", "random", "torch")
    assert [row["layer"] for row in rows] == list(SqueezeNet.LAYERS)
    rows, _ = describe_layers("squeezenet", "random", "torch", every=True)
    fields = {row["layer"]: (row["channels"], row["stride"], row["receptive_field"]) for row in rows}
    assert list(fields) == list(SqueezeNet.ALL_LAYERS)
    assert fields["fire8/squeeze"] == fields["fire8/squeeze_pre"] == (64, 16, 143)
    assert fields["fire8/expand3x3"] == (256, 16, 175) and fields["fire8/expand1x1"] == (256, 16, 143)
