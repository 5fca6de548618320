"""Whatever tensor a layer answers with, it can be dreamed: vectors, tokens, sequences, blocks, windows, single maps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import reverie as rv
from reverie.errors import ImageTooSmall
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.tiling import build_tiled_gradient
from reverie.models.default_layer import choose_middle_layer
from reverie.models.receptive_field import LayerGeometry, measure_geometry

HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
FLOAT32: dict[str, Any] = {"device": "cpu", "precision": "float32"}


def picture(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(2))


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, 1)


def wrapped(module: nn.Module) -> rv.Model:
    model: rv.Model = rv.wrap(module, **HALF, **FLOAT32, name="net")
    return model


def dense() -> nn.Sequential:
    """A plain network of dense layers, which takes pictures of 32 x 32 pixels."""
    torch.manual_seed(0)
    layers = [nn.Linear(3 * 32 * 32, 20), nn.Tanh(), nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 5)]
    return nn.Sequential(nn.Flatten(), *layers)


def test_a_plain_dense_network_is_dreamed() -> None:
    module = dense()
    model = wrapped(module)
    assert model.layers == ("0", "1", "2", "3", "4", "5", "logits")
    assert choose_middle_layer(model) == "3"
    image = picture(1, 32, 32)
    torch.testing.assert_close(model(image, ["3"])["3"][:, :, 0, 0], module[:4]((image - 0.5) / 0.25))
    wish = rv.layer("3", power=2)
    assert measure_geometry(model, ["3"])["3"] == LayerGeometry(12, 0, None, None)
    settings = rv.Settings(octaves=1, steps=5, jitter=0)
    scores = [float(make_score_function(model, wish)(each)) for each in (image, rv.dream(image, model, wish, settings))]
    assert scores[1] > 1.5 * scores[0]


def test_a_dense_unit_is_a_channel_and_has_one_place() -> None:
    module = dense()
    model = wrapped(module)
    image = picture(1, 32, 32).requires_grad_(True)
    module[:4]((image - 0.5) / 0.25)[0, 7].backward()
    for wish in (rv.channel("3", 7), rv.neuron("3", 7), rv.neuron("3", 7, (0, 0))):
        _, grad = gradient_of(model, wish)(image.detach())
        torch.testing.assert_close(grad, image.grad)
    with pytest.raises(ImageTooSmall, match=r'"3":7@2,0: .* has a single place: leave out the one after @'):
        gradient_of(model, rv.neuron("3", 7, (2, 0)))(image.detach())


class Pooled(nn.Module):
    """Convolutions, maps pooled to a size of their own, and vectors, for pictures of any size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.seven, self.one = conv(3, 6, 4), nn.AdaptiveAvgPool2d(7), nn.AdaptiveAvgPool2d(1)
        self.dense, self.act, self.depth, self.heat = nn.Linear(6 * 49, 8), nn.Tanh(), nn.Conv2d(6, 1, 1), Squeeze()

    def forward(self, x: Tensor) -> Any:
        maps = torch.tanh(self.body(x))
        self.heat(self.depth(maps))
        vector = self.act(self.dense(self.seven(maps).flatten(1)))
        return vector + self.one(maps).mean()


class Squeeze(nn.Module):
    """(b, 1, h, w) -> (b, h, w)."""

    def forward(self, x: Tensor) -> Any:
        return x.squeeze(1)


def test_vectors_and_maps_of_a_fixed_size_see_the_whole_picture() -> None:
    model = wrapped(Pooled())
    found = model(picture(2, 60, 120), model.layers)
    shapes = {name: tuple(each.shape) for name, each in found.items()}
    assert shapes == {
        "body": (2, 6, 15, 30), "depth": (2, 1, 15, 30), "heat": (2, 1, 15, 30), "seven": (2, 6, 7, 7),
        "dense": (2, 8, 1, 1), "act": (2, 8, 1, 1), "one": (2, 6, 1, 1), "logits": (2, 8, 1, 1),
    }  # fmt: skip
    geometry = measure_geometry(model, model.layers)
    grids = {"body", "depth", "heat"}
    assert {name for name, each in geometry.items() if each.stride == 4 and each.receptive_field == 3} == grids
    others = {name: each for name, each in geometry.items() if name not in grids}
    assert {(each.stride, each.receptive_field, each.first) for each in others.values()} == {(0, None, None)}
    assert choose_middle_layer(model) in grids


@pytest.mark.parametrize("name", ["seven", "act"])
def test_what_sees_the_whole_picture_is_not_cut_into_tiles_in_silence(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, image = wrapped(Pooled()), picture(1, 64, 64)
    whole = gradient_of(model, rv.layer(name))(image)
    for one, other in zip(build_tiled_gradient(model, rv.layer(name), 64)(image), whole, strict=True):
        torch.testing.assert_close(one, other)
    with caplog.at_level("WARNING", "reverie"):
        score, grad = build_tiled_gradient(model, rv.layer(name), 32)(image)
    assert grad.abs().sum() > 0 and bool(score.isfinite().all())
    (said,) = caplog.messages
    assert f"{name} of net sees the whole picture: in tiles its gradient is an approximation" in said


class Sequences(nn.Module):
    """Channels first in a sequence, tokens without a grid, attention, windows stacked along the batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.sequence, self.tokens = nn.Conv2d(3, 6, 8, 8), nn.Conv1d(6, 5, 1), nn.Linear(6, 4)
        self.attention, self.windows, self.latents = nn.Softmax(-1), nn.Linear(6, 7), nn.Linear(6, 3)
        self.rows = nn.Linear(6, 7)

    def forward(self, x: Tensor) -> Any:
        maps = self.cut(x)
        b, c, h, w = maps.shape
        rows = maps.flatten(2)  # (b, c, n)
        self.sequence(rows)
        self.tokens(torch.cat([rows, rows[:, :, : h // 2 + 70]], 2).transpose(1, 2))  # no count of patches
        heads = rows.unflatten(1, (2, 3)).transpose(2, 3)  # (b, 2, n, 3)
        self.attention(heads @ heads.transpose(2, 3))
        self.rows(maps.permute(0, 2, 3, 1).reshape(b * h, w, c))
        self.windows(rows.transpose(1, 2).reshape(-1, 4, c))
        return self.latents(rows[:, :, :9].transpose(1, 2)).mean((1, 2))[:, None]


def test_sequences_tokens_attention_and_windows_are_columns_of_places() -> None:
    module = Sequences()
    model = wrapped(module)
    image = picture(2, 80, 96)
    found = model(image, model.layers)
    maps = module.cut((image - 0.5) / 0.25)
    rows = maps.flatten(2)
    torch.testing.assert_close(found["sequence"][..., 0], module.sequence(rows))
    torch.testing.assert_close(found["tokens"][:, :, :120, 0], module.tokens(rows.transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(found["latents"][..., 0], module.latents(rows[:, :, :9].transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(found["windows"][..., 0], module.windows(rows.transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(found["rows"], module.rows(maps.movedim(1, 3)).movedim(3, 1))  # a row is a window
    assert found["attention"].shape == (2, 2, 120 * 120, 1)
    torch.testing.assert_close(found["attention"].sum(2), torch.full((2, 2, 1), 120.0))


def test_windows_of_one_image_know_nothing_of_another() -> None:
    model, images = wrapped(Sequences()), picture(2, 80, 96)
    both = model(images, ["windows", "cut"])
    for number in range(2):
        alone = model(images[number : number + 1], ["windows", "cut"])
        for name, activations in alone.items():
            torch.testing.assert_close(both[name][number], activations[0])


class Growing(nn.Module):
    """A network of one size whose class token joins the others late, as in CaiT."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.num_prefix_tokens = 1
        self.cut, self.trunk, self.alone, self.end = nn.Conv2d(3, 6, 8, 8), *(nn.Linear(6, 6) for _ in range(3))

    def forward(self, x: Tensor) -> Any:
        if x.shape[2:] != (64, 64):
            raise AssertionError("64 x 64 only")
        tokens = self.trunk(self.cut(x).flatten(2).transpose(1, 2))
        token = self.alone(tokens.mean(1, keepdim=True))
        return self.end(torch.cat([token, tokens], 1))[:, 0]


def test_a_trunk_without_class_token_has_its_grid() -> None:
    model = wrapped(Growing())
    found = model(picture(1, 64, 64), model.layers)
    assert {name: tuple(each.shape[1:]) for name, each in found.items()} == {
        "cut": (6, 8, 8), "trunk": (6, 8, 8), "alone": (6, 1, 1), "end": (6, 8, 8), "end.class_token": (6, 1, 1),
        "logits": (6, 1, 1),
    }  # fmt: skip
    torch.testing.assert_close(found["end.class_token"], found["logits"])
    assert choose_middle_layer(model) == "trunk"


class Blocks(nn.Module):
    """Square blocks of tokens, as in NesT: 2 x 2 of 4 x 4 each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.block = nn.Conv2d(3, 6, 8, 8), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Any:
        if x.shape[2:] != (64, 64):
            raise AssertionError("64 x 64 only")
        maps = self.cut(x).unflatten(2, (2, 4)).unflatten(4, (2, 4))  # (b, c, 2, 4, 2, 4)
        return self.block(maps.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)).mean((1, 2))


def test_blocks_of_tokens_are_joined_to_the_grid_they_were_cut_from() -> None:
    module = Blocks()
    model, image = wrapped(module), picture(2, 64, 64)
    found = model(image, ["cut", "block"])
    torch.testing.assert_close(found["block"], module.block(found["cut"].movedim(1, 3)).movedim(3, 1))


def test_places_that_depend_on_the_size_are_no_class_tokens() -> None:
    model = wrapped(Growing())
    assert [name for name in model.layers if name.endswith("_token")] == ["end.class_token"]
    assert "end.class_token" not in rv.wrap(Growing(), **HALF, **FLOAT32).main_layers
