"""What can be differentiated once is; a second time it is, or says in a line that it cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import reverie as rv
from reverie.errors import SettingsError


def differentiate(model: rv.Model, name: str, power: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    score = model(image, [name])[name].pow(power).mean()
    (plain,) = torch.autograd.grad(score, image, retain_graph=True)
    (grad,) = torch.autograd.grad(score, image, create_graph=True)
    return image, plain, grad


@pytest.mark.parametrize("power", [1, 2])
def test_the_bundled_networks_say_that_they_cannot(power: int) -> None:
    model = rv.load_model("squeezenet", weights="random", device="cpu", precision="float32")
    image, plain, grad = differentiate(model, "fire3", power)
    torch.testing.assert_close(grad, plain)
    with pytest.raises(SettingsError, match=r"cannot be differentiated a second time: take .*rv\.wrap") as error:
        torch.autograd.grad(grad.square().sum(), image)
    assert "\n" not in str(error.value)


def test_a_wrapped_network_can() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh())
    model = rv.wrap(module, mean=(0.5,) * 3, std=(0.25,) * 3, device="cpu", precision="float32")
    image, _, grad = differentiate(model, "1", 1)
    (second,) = torch.autograd.grad(grad.square().sum(), image)
    by_hand = module.eval()((image - 0.5) / 0.25).mean()
    (first,) = torch.autograd.grad(by_hand, image, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(first.square().sum(), image)[0])
    assert second.abs().sum() > 0
