"""The cheap layers answer and send back what the plain ones do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reverie.models.networks.chain import Chain, Layer, SavedTensors
from reverie.models.networks.layers import AveragePool, Convolution, MaxPool, Relu
from reverie.models.networks.packing import KEPT_BYTES, KEPT_SIZES, PackedWeights

CHANNELS_LAST = torch.channels_last
SIZES = [(1, 1), (1, 4), (2, 2), (3, 3), (5, 8), (9, 7)]


def planes(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.to(dtype).to(memory_format=CHANNELS_LAST)


def seeded(answer: Tensor, seed: int = 7) -> Tensor:
    return planes(*answer.shape, dtype=answer.dtype, seed=seed)


def answer_and_grad(layer: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor]:
    at = at.detach().requires_grad_(True)
    answer = layer(at)
    return answer.detach(), torch.autograd.grad(answer, at, seeded(answer))[0]


def forward_and_backward(layer: Layer, at: Tensor) -> tuple[Tensor, Tensor]:
    """The same by a layer's own passes; no saved tensor may be left over, and neither input nor grad be written to."""
    before, saved = at.clone(), list[Tensor]()
    answer = layer.forward(at, saved)
    grad = seeded(answer)
    pulled = layer.backward(grad, saved)
    assert saved == [] and torch.equal(at, before) and torch.equal(grad, seeded(answer))
    with torch.no_grad():
        torch.testing.assert_close(layer.forward(at, None), answer, rtol=2e-2, atol=2e-2)
    return answer, pulled


def plain_average(at: Tensor) -> Tensor:
    return F.avg_pool2d(at, 3, 1, 1, count_include_pad=False)


@pytest.mark.parametrize("size", SIZES)
def test_average_pool_is_the_plain_one(size: tuple[int, int]) -> None:
    at = planes(2, 3, *size)
    ours, plain = forward_and_backward(AveragePool(), at), answer_and_grad(plain_average, at)
    torch.testing.assert_close(ours, plain, rtol=1e-14, atol=1e-15)


def test_average_pool_leaves_the_border_out_of_the_count() -> None:
    assert torch.equal(AveragePool().forward(torch.ones(1, 1, 4, 5), None), torch.ones(1, 1, 4, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_is_the_plain_one(dtype: torch.dtype) -> None:
    at = planes(2, 5, 6, 7, dtype=dtype)
    at[0, 0, 0, :3] = torch.tensor([0.0, -0.0, 1e-38])
    for ours, plain in zip(forward_and_backward(Relu(), at), answer_and_grad(F.relu, at), strict=True):
        assert torch.equal(ours, plain)


def convolution(
    kernel: tuple[int, int],
    stride: int = 1,
    same: bool = True,
    dtype: torch.dtype = torch.float32,
    relu: bool = True,
) -> Convolution:
    weight, bias = planes(6, 4, *kernel, dtype=dtype, seed=3), planes(6, 1, 1, 1, dtype=dtype, seed=4).flatten()
    padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
    return Convolution(weight, bias, stride, padding, relu)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, CHANNELS_LAST])
@pytest.mark.parametrize(
    ("kernel", "stride", "same"),
    [
        ((1, 1), 1, True),
        ((3, 3), 1, True),
        ((3, 3), 1, False),
        ((1, 7), 1, True),
        ((5, 5), 1, True),
        ((3, 3), 2, False),
    ],
)
def test_convolution_is_the_plain_one(
    kernel: tuple[int, int], stride: int, same: bool, memory: torch.memory_format, relu: bool
) -> None:
    """At the first call of a size, at the next, which uses packed weights, and back at another size."""
    ours = convolution(kernel, stride, same, relu=relu)

    def plain(at: Tensor) -> Tensor:
        found = F.conv2d(at, ours.weight, ours.bias, ours.stride, ours.padding)
        return found.relu() if relu else found

    for size in (11, 11, 11, 8, 8, 11):
        at = planes(2, 4, size, size + 2, dtype=torch.float32, seed=size).contiguous(memory_format=memory)
        got = forward_and_backward(ours, at)
        torch.testing.assert_close(got, answer_and_grad(plain, at), rtol=1e-5, atol=1e-5)


def test_convolution_in_bfloat16_is_the_plain_one() -> None:
    ours = convolution((3, 3), dtype=torch.bfloat16)
    at = planes(1, 4, 9, 9, dtype=torch.bfloat16)
    plain = answer_and_grad(lambda at: F.conv2d(at, ours.weight, ours.bias, 1, 1).relu(), at)
    for _ in range(3):
        torch.testing.assert_close(forward_and_backward(ours, at), plain, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_before_a_pool_is_the_relu_after_it(dtype: torch.dtype) -> None:
    ours = convolution((3, 3), dtype=dtype)
    at = planes(1, 4, 13, 13, dtype=dtype)
    saved: SavedTensors = []
    pool = MaxPool()
    answer = pool.forward(ours.forward(at, saved, False), saved)
    cheap = answer, ours.backward(pool.backward(seeded(answer), saved), saved, False)

    def plain(at: Tensor) -> Tensor:
        """Pooled in float32: where several maxima are one place's, their sum is rounded once, as ours is."""
        return F.max_pool2d(F.conv2d(at, ours.weight, ours.bias, 1, 1).relu().float(), 3, 2).to(dtype)

    usual = answer_and_grad(plain, at)
    torch.testing.assert_close(cheap, usual, rtol=1e-6, atol=1e-6)


def test_packed_weights_follow_the_weights() -> None:
    ours = convolution((3, 3), relu=False)
    at = planes(1, 4, 9, 9, dtype=torch.float32)
    before = [ours.forward(at, []) for _ in range(3)][-1]
    other = copy.deepcopy(ours)
    torch.testing.assert_close(other.forward(at, []), before)
    ours.double().float()
    ours.weight.mul_(2)
    ours.bias.zero_()
    torch.testing.assert_close(ours.forward(at, []), 2 * (before - other.bias[:, None, None]), rtol=1e-4, atol=1e-4)


def test_weights_are_packed_once_for_each_of_the_last_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A film comes back to the sizes of its octaves at every frame; what it sees there does not change by a bit."""
    made: list[tuple[str, torch.Size]] = []
    pack = Convolution._pack_for

    def count(self: Convolution, direction: str, size: torch.Size) -> Tensor:
        made.append((direction, size))
        return pack(self, direction, size)

    monkeypatch.setattr(Convolution, "_pack_for", count)
    ours, sides = convolution((3, 3)), range(5, 5 + KEPT_SIZES)

    def look(side: int) -> tuple[Tensor, Tensor]:
        return forward_and_backward(ours, planes(1, 4, side, 9, dtype=torch.float32, seed=side))

    fresh, again = [look(side) for side in sides], [look(side) for side in sides]
    assert len(made) in (0, 2 * KEPT_SIZES)  # none where there is no oneDNN
    assert all(
        torch.equal(*pair) for one, other in zip(fresh, again, strict=True) for pair in zip(one, other, strict=True)
    )
    look(99)  # one more, and the size that was not seen for longest is let go
    before = len(made)
    look(sides[-1])
    assert len(made) == before
    assert all(map(torch.equal, look(sides[0]), fresh[0]))
    assert len(made) in (0, before + 2)


def test_packed_weights_are_bounded_in_memory() -> None:
    kept, size = PackedWeights(), KEPT_BYTES // 4 // 2
    for side in range(5):
        kept.get(torch.Size([side]), lambda: torch.zeros(size))
    assert len(kept) == 2
    kept.get(torch.Size([9]), lambda: torch.zeros(3 * size))
    assert len(kept) == 1


def test_a_gradient_is_added_to_another_in_its_place() -> None:
    ours, at = convolution((3, 3)), planes(1, 4, 9, 9, dtype=torch.float32)
    for _ in range(3):
        _, alone = forward_and_backward(ours, at)
        saved: SavedTensors = []
        grad, other = seeded(ours.forward(at, saved)), planes(1, 4, 9, 9, dtype=torch.float32, seed=9)
        onto = other.clone()
        assert ours.backward(grad, saved, True, onto).data_ptr() == onto.data_ptr()
        torch.testing.assert_close(onto, alone + other, rtol=1e-5, atol=1e-5)


class Three(Chain):
    """Two convolutions and a pool between them."""

    LAYERS = ("low", "pool", "high")

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        high = planes(5, 6, 3, 3, dtype=dtype, seed=5), planes(5, 1, 1, 1, dtype=dtype, seed=6).flatten()
        blocks = {"low": convolution((3, 3), dtype=dtype), "pool": MaxPool(), "high": Convolution(*high)}
        self.blocks = torch.nn.ModuleDict(blocks)

    def plainly(self, at: Tensor) -> dict[str, Tensor]:
        low, _, high = cast("Iterable[Any]", self.blocks.children())
        found = {"low": F.conv2d(at, low.weight, low.bias, padding=1).relu()}
        found["pool"] = F.max_pool2d(found["low"], 3, 2)
        found["high"] = F.conv2d(found["pool"], high.weight, high.bias).relu()
        return found


@pytest.mark.parametrize("asked", [["high"], ["low"], ["low", "high"], ["pool", "high"], ["high", "pool", "low"]])
def test_a_chain_is_its_layers_one_after_another(asked: list[str]) -> None:
    chain, at = Three(torch.float32), planes(1, 4, 13, 15, dtype=torch.float32).requires_grad_(True)
    for _ in range(3):
        found, plain = chain(at, asked), chain.plainly(at)
        assert set(found) == set(asked)
        grads = [
            torch.autograd.grad([(answers[name] * seeded(answers[name])).sum() for name in asked], at)[0]
            for answers in (found, plain)
        ]
        for name in asked:
            torch.testing.assert_close(found[name], plain[name], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-4)


def test_a_chain_answers_in_float32_without_a_graph_where_none_is_wanted() -> None:
    chain, at = Three(torch.bfloat16), planes(1, 4, 13, 15, dtype=torch.bfloat16)
    with torch.no_grad():
        found = chain(at.requires_grad_(True), ["pool"])["pool"]
    assert found.dtype == torch.float32 and not found.requires_grad
    assert chain(at, []) == {}
    answer = chain(at, ["low"])["low"]
    assert answer.requires_grad and answer.dtype == torch.float32
    (grad,) = torch.autograd.grad(answer.mean(), at)  # one number for all: laid out as nothing is
    assert grad.dtype == torch.bfloat16


def test_blocks_are_given_their_own_kind_of_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes from the objective: here one number for all places, laid out as nothing is."""
    chain, given = Three(torch.bfloat16), list[Tensor]()
    at = planes(1, 4, 13, 15, dtype=torch.bfloat16).requires_grad_(True)
    high = chain.block("high")
    backward = high.backward

    def recorded(grad: Tensor, *rest: Any) -> Any:
        given.append(grad)
        return backward(grad, *rest)

    monkeypatch.setattr(high, "backward", recorded)
    answer = chain(at, ["high"])["high"]
    torch.autograd.grad(answer.mean(), at)
    (grad,) = given
    assert grad.dtype == torch.bfloat16 and grad.is_contiguous(memory_format=CHANNELS_LAST)
    assert torch.equal(grad, torch.full_like(grad, 1 / answer.numel()))


def test_nan_propagates_where_no_backward_pass_follows() -> None:
    at = planes(1, 4, 13, 13, dtype=torch.float32)
    at[0, 0, 3, 3] = torch.nan
    with torch.no_grad():
        assert bool(Three(torch.float32)(at, ["pool"])["pool"].isnan().any())
