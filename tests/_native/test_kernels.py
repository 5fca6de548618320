"""The compiled kernels answer what torch does, and torch does their work where there are none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from reverie._native import kernels as native
from reverie.gradient.normalization import mean_abs, root_mean_square, standard_deviation
from reverie.image import pyramid
from reverie.models import torch_model as torch_engine

HERE = pytest.mark.skipif(not native.LIBRARY_PATH.exists(), reason="no C compiler was there when this was installed")
EITHER = pytest.mark.parametrize("compiled", [pytest.param(True, marks=HERE), False])
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


@pytest.fixture
def chosen(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the kernels are used in this test: as they are, or as if there were none."""
    monkeypatch.setattr(native, "is_available", lambda: compiled)
    return compiled


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_compiler_here_means_kernels_here() -> None:
    assert native.is_available() or not any(map(shutil.which, ("cc", "gcc", "clang")))


@HERE
@DTYPES
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 2, 3, 3), (2, 6, 4, 9), (1, 64, 31, 30), (3, 34, 12, 5)])
def test_max_pool_is_torchs(shape: tuple[int, ...], dtype: torch.dtype, threads: int) -> None:
    planes = noise(*shape).relu().to(dtype, memory_format=torch.channels_last).requires_grad_(True)
    assert native.supports_max_pool(planes)
    usual = F.max_pool2d(planes.float(), 3, 2).to(dtype)  # in float32: its sums are rounded once, as ours are
    grad = noise(*usual.shape, seed=1).to(dtype)
    torch.set_num_threads(threads)
    out, at = native.max_pool(planes)
    back = native.max_pool_backward(grad, at, (shape[2], shape[3]))
    torch.set_num_threads(1)
    assert torch.equal(out, usual)
    wanted = torch.autograd.grad(usual, planes, grad * (usual > 0))[0]
    torch.testing.assert_close(back, wanted, rtol=0 if dtype == torch.float32 else 2**-8, atol=1e-6)
    assert bool(((at == 9) == (usual == 0)).all()) and int(at.max()) <= 9


@HERE
def test_of_equal_places_the_first_is_the_maximum_as_in_torch() -> None:
    flat = torch.full((1, 4, 9, 9), 0.5).to(memory_format=torch.channels_last).requires_grad_(True)
    usual = F.max_pool2d(flat, 3, 2)
    _, at = native.max_pool(flat)
    assert int(at.max()) == 0
    wanted = torch.autograd.grad(usual.sum(), flat)[0]
    torch.testing.assert_close(native.max_pool_backward(torch.ones_like(usual), at, (9, 9)), wanted, rtol=0, atol=0)


def test_what_the_kernels_do_not_take_torch_does() -> None:
    planes = noise(1, 3, 9, 9).abs()
    assert not native.supports_max_pool(planes)  # one channel after the other
    assert not native.supports_max_pool(
        planes.to(torch.bfloat16, memory_format=torch.channels_last)
    )  # an odd number of them
    assert not native.supports_max_pool(planes.to(torch.float64, memory_format=torch.channels_last))
    assert not native.supports_planes(planes.double()) and not native.supports_planes(planes[..., ::2])
    assert not native.supports_preprocessing(planes[:, :2], torch.float32)


@EITHER
@DTYPES
def test_a_photograph_comes_to_the_network_and_back(chosen: bool, dtype: torch.dtype) -> None:
    image = noise(2, 3, 7, 37).requires_grad_(True)
    scale, shift = torch.tensor([2.0, 3.0, 4.0]).view(1, 3, 1, 1), torch.tensor([0.1, -1.0, 5.0]).view(1, 3, 1, 1)
    got = torch_engine.normalize_image(image, scale, shift, dtype)
    assert got.dtype == dtype and got.is_contiguous(memory_format=torch.channels_last)
    close = 1e-6 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(got.float(), image * scale + shift, rtol=close, atol=close)
    (grad,) = torch.autograd.grad(got, image, torch.ones_like(got))
    assert torch.equal(grad, scale.expand_as(image))


@EITHER
@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 3, 37, 41), (1, 3, 5, 2051), (1, 3, 6, 1030), (1, 3, 8, 1)])
def test_halving_and_enlarging(chosen: bool, shape: tuple[int, ...]) -> None:
    """Against the sums written out: 1 3 3 1 both ways, and the bilinear of a twofold enlargement."""
    image, share = noise(*shape), torch.arange(1.0, shape[0] + 1).view(-1, 1, 1, 1)
    half = pyramid.halve_image(image)
    rows, columns = (
        torch.stack([torch.arange(0, size, 2) + step for step in (-1, 0, 1, 2)]).clamp(0, size - 1)
        for size in shape[2:]
    )
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0]).view(4, 1) / 8
    down = (image[:, :, rows] * weights[..., None]).sum(2)
    torch.testing.assert_close(half, (down[..., columns] * weights).sum(3), rtol=1e-5, atol=1e-6)
    wide = F.interpolate(half, scale_factor=2, mode="bilinear")[..., : shape[2], : shape[3]]
    got = pyramid.add_enlarged(image, half, share, -2)
    torch.testing.assert_close(got, share * image - 2 * wide, rtol=1e-5, atol=1e-5)


def test_the_environment_leaves_them_out() -> None:
    code = "from reverie._native import kernels; print(kernels.is_available())"
    environment = {"REVERIE_NATIVE": "0", "PATH": str(Path(sys.executable).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@EITHER
def test_strengths(chosen: bool) -> None:
    grad = 1e-7 * (noise(3, 3, 41, 53) + torch.tensor([0.0, 5.0, -300.0]).view(3, 1, 1, 1))
    numbers = grad.double().flatten(1)
    wanted = {
        root_mean_square: numbers.square().mean(1).sqrt(),
        standard_deviation: numbers.std(1, correction=0),
        mean_abs: numbers.abs().mean(1),
    }
    for measure, strength in wanted.items():
        got = measure(grad)
        assert got.shape == (3, 1, 1, 1) and got.dtype == torch.float32
        torch.testing.assert_close(got.flatten().double(), strength, rtol=1e-4, atol=0)
