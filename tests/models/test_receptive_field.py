"""What a layer sees, measured on networks whose arithmetic can be done by hand."""

from __future__ import annotations

from collections.abc import Collection

import pytest
import torch
from torch import Tensor, nn

from reverie.models.receptive_field import LayerGeometry, find_smallest_side, measure_geometry
from reverie.models.torch_model import TorchModel


class Chain(nn.Module):
    """Layers one after the other, named by their place."""

    MEAN = (0.0, 0.0, 0.0)
    STD = (1.0, 1.0, 1.0)

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.LAYERS = tuple(str(number) for number in range(len(layers)))

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        answers: dict[str, Tensor] = {}
        for name, layer in zip(self.LAYERS, self.layers, strict=True):
            if len(answers) < len(layers):
                image = layer(image)
                answers |= {name: image} if name in layers else {}
        return answers


def conv(channels: int, out: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, stride, padding, dilation)


def chain(*layers: nn.Module) -> TorchModel:
    torch.manual_seed(0)
    return TorchModel(Chain(*layers), "chain", "0", device="cpu", precision="float32")


CHAINS: dict[str, tuple[list[nn.Module], list[tuple[int, int, int, int]]]] = {
    "convolutions": (
        [conv(3, 4, 3), conv(4, 5, 5, 2), conv(5, 6, 3)],
        [(4, 1, 3, 0), (5, 2, 7, 0), (6, 2, 11, 0)],
    ),
    "padded": (
        [conv(3, 4, 3, 1, 1), conv(4, 4, 3, 2, 1), conv(4, 4, 3, 2, 1)],
        [(4, 1, 3, -1), (4, 2, 5, -2), (4, 4, 9, -4)],
    ),
    "pools": (
        [conv(3, 4, 3), nn.MaxPool2d(2), nn.AvgPool2d(3, 2), conv(4, 4, 1)],
        [(4, 1, 3, 0), (4, 2, 4, 0), (4, 4, 8, 0), (4, 4, 8, 0)],
    ),
    "padding layers": (
        [nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 4, 3, 2), nn.ZeroPad2d(2), conv(4, 4, 3)],
        [(3, 1, 1, 0), (4, 2, 3, 0), (4, 2, 3, -4), (4, 2, 7, -4)],
    ),
    "dilated": (
        [conv(3, 4, 3, dilation=4), conv(4, 4, 3, 2, dilation=2)],
        [(4, 1, 9, 0), (4, 2, 13, 0)],
    ),
    "strides": (
        [conv(3, 4, 2, 2), conv(4, 4, 3, 4), conv(4, 4, 2, 4)],
        [(4, 2, 2, 0), (4, 8, 6, 0), (4, 32, 14, 0)],
    ),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_geometry_is_what_arithmetic_says(kind: str) -> None:
    layers, expected = CHAINS[kind]
    model = chain(*layers)
    found = measure_geometry(model, model.layers)
    assert [found[name] for name in model.layers] == [LayerGeometry(*each) for each in expected]


def test_a_neuron_sees_its_receptive_field_and_no_pixel_more() -> None:
    model = chain(*CHAINS["padded"][0])
    seen = measure_geometry(model, ["2"])["2"]
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    model(image, ["2"])["2"][0, 0, 7, 5].backward()
    assert image.grad is not None and seen.first is not None and seen.receptive_field is not None
    columns = image.grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist()
    first = seen.first + 5 * seen.stride
    assert columns == list(range(first, first + seen.receptive_field))


def test_what_sees_the_whole_picture_has_no_receptive_field() -> None:
    model = chain(conv(3, 4, 3), nn.AdaptiveAvgPool2d(1))
    found = measure_geometry(model, model.layers)
    assert found["0"] == LayerGeometry(4, 1, 3, 0)
    assert (found["1"].channels, found["1"].receptive_field, found["1"].first) == (4, None, None)


@pytest.mark.parametrize(
    ("layers", "sides"),
    [
        (CHAINS["convolutions"][0], [3, 7, 11]),
        (CHAINS["padded"][0], [1, 1, 1]),
        (CHAINS["pools"][0], [3, 4, 8, 8]),
        (CHAINS["dilated"][0], [9, 13]),
    ],
)
def test_the_smallest_side_is_found(layers: list[nn.Module], sides: list[int]) -> None:
    model = chain(*layers)
    assert [find_smallest_side(model, [name]) for name in model.layers] == sides
    assert find_smallest_side(model, model.layers) == max(sides)


def test_no_side_is_named_where_none_works() -> None:
    assert find_smallest_side(chain(conv(3, 4, 90)), ["0"], most=64) is None
    assert find_smallest_side(chain(conv(4, 4, 1)), ["0"], most=64) is None
