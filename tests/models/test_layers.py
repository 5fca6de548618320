"""The cheap layers answer and send back what the plain ones do."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reverie.models.layers import Convolution, answered, average_pool, relu, relu_max_pool

CHANNELS_LAST = torch.channels_last
SIZES = [(1, 1), (1, 4), (2, 2), (3, 3), (5, 8), (9, 7)]


def planes(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.to(dtype).to(memory_format=CHANNELS_LAST)


def answer_and_grad(layer: Callable[[Tensor], Tensor], at: Tensor, seed: int = 7) -> tuple[Tensor, Tensor]:
    at = at.detach().requires_grad_(True)
    answer = layer(at)
    grad = planes(*answer.shape, dtype=answer.dtype, seed=seed)
    return answer.detach(), torch.autograd.grad(answer, at, grad)[0]


def plain_average(at: Tensor) -> Tensor:
    return F.avg_pool2d(at, 3, 1, 1, count_include_pad=False)


@pytest.mark.parametrize("size", SIZES)
def test_average_pool_is_the_plain_one(size: tuple[int, int]) -> None:
    at = planes(2, 3, *size)
    ours, plain = answer_and_grad(average_pool, at), answer_and_grad(plain_average, at)
    torch.testing.assert_close(ours, plain, rtol=1e-14, atol=1e-15)
    assert torch.autograd.gradcheck(average_pool, at.clone().requires_grad_(True))


def test_average_pool_leaves_the_border_out_of_the_count() -> None:
    assert torch.equal(average_pool(torch.ones(1, 1, 4, 5)), torch.ones(1, 1, 4, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_is_the_plain_one(dtype: torch.dtype) -> None:
    at = planes(2, 5, 6, 7, dtype=dtype)
    at[0, 0, 0, :3] = torch.tensor([0.0, -0.0, 1e-38])
    for ours, plain in zip(answer_and_grad(relu, at), answer_and_grad(F.relu, at), strict=True):
        assert torch.equal(ours, plain)


def convolution(
    kernel: tuple[int, int], stride: int = 1, same: bool = True, dtype: torch.dtype = torch.float32
) -> Convolution:
    weight, bias = planes(6, 4, *kernel, dtype=dtype, seed=3), planes(6, 1, 1, 1, dtype=dtype, seed=4).flatten()
    padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
    return Convolution(weight, bias, stride, padding)


@pytest.mark.parametrize("then", ["", "relu"])
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
    kernel: tuple[int, int], stride: int, same: bool, memory: torch.memory_format, then: str
) -> None:
    """At the first call of a size, at the next, which uses packed weights, and back at another size."""
    ours = convolution(kernel, stride, same)

    def plain(at: Tensor) -> Tensor:
        found = F.conv2d(at, ours.weight, ours.bias, ours.stride, ours.padding)
        return found.relu() if then else found

    for size in (11, 11, 11, 8, 8, 11):
        at = planes(2, 4, size, size + 2, dtype=torch.float32, seed=size).contiguous(memory_format=memory)
        got = answer_and_grad(lambda at: ours(at, then), at)
        torch.testing.assert_close(got, answer_and_grad(plain, at), rtol=1e-5, atol=1e-5)


def test_convolution_in_bfloat16_is_the_plain_one() -> None:
    ours = convolution((3, 3), dtype=torch.bfloat16)
    at = planes(1, 4, 9, 9, dtype=torch.bfloat16)
    plain = answer_and_grad(lambda at: F.conv2d(at, ours.weight, ours.bias, 1, 1).relu(), at)
    for _ in range(3):
        torch.testing.assert_close(answer_and_grad(lambda at: ours(at, "relu"), at), plain, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_before_a_pool_is_the_relu_after_it(dtype: torch.dtype) -> None:
    ours = convolution((3, 3), dtype=dtype)
    at = planes(1, 4, 13, 13, dtype=dtype)
    cheap = answer_and_grad(lambda at: relu_max_pool(ours(at, "relu, pool")), at)
    usual = answer_and_grad(lambda at: F.max_pool2d(ours(at, "relu"), 3, 2), at)
    # Where several maxima are one place's, bfloat16 rounds torch's sum after each of them, and ours once.
    close = 1e-6 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(cheap, usual, rtol=close, atol=close)


def test_packed_weights_follow_the_weights() -> None:
    ours = convolution((3, 3))
    at = planes(1, 4, 9, 9, dtype=torch.float32)
    before = [ours(at) for _ in range(3)][-1]
    other = copy.deepcopy(ours)
    torch.testing.assert_close(other(at), before)
    ours.double().float()
    ours.weight.mul_(2)
    ours.bias.zero_()
    torch.testing.assert_close(ours(at), 2 * (before - other.bias[:, None, None]), rtol=1e-4, atol=1e-4)


def test_answers_are_float32_and_their_gradient_is_laid_out_as_the_planes_are() -> None:
    at = planes(1, 3, 4, 5, dtype=torch.bfloat16).requires_grad_(True)
    answer = answered(at)
    assert answer.dtype == torch.float32
    (grad,) = torch.autograd.grad(answer.mean(), at)
    assert grad.dtype == torch.bfloat16
    assert grad.is_contiguous(memory_format=CHANNELS_LAST)
    assert torch.equal(grad, torch.full_like(grad, 1 / 60))
