"""The sizes that a network takes are measured, and stated as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import reverie as rv
from reverie.errors import SizeRefused
from reverie.models.hooked.multiples import find_multiple


class Joined(nn.Module):
    """A small U: its halves fit together where both sides are multiples of `step`, as in segmentation networks."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, step, stride=step)
        self.up = nn.ConvTranspose2d(4, 3, step, stride=step)
        self.last = nn.Conv2d(3, 4, 3)

    def forward(self, image: Tensor) -> Tensor:
        joined: Tensor = self.last(image + self.up(self.down(image)))
        return joined


@pytest.mark.parametrize("multiple", [1, 2, 16, 32])
def test_the_multiple_that_a_network_takes_is_measured(multiple: int) -> None:
    torch.manual_seed(0)
    model = rv.wrap(Joined(multiple), mean=[0.5] * 3, std=[0.5] * 3, device="cpu", name="joined")
    if multiple == 1:
        assert model.accepted_sizes is None
        return
    assert model.accepted_sizes is not None
    assert model.accepted_sizes.multiple == multiple
    least = max(4, multiple)  # the last layer's kernel is 3 pixels wide
    assert model.accepted_sizes.size == (least, least)
    refusal = rf"from {least} x {least} pixels up whose sides are multiples of {multiple}$"
    for height, width in ((96, 160), (least, 64), (96, 161), (65, 96)):
        image = torch.rand(1, 3, height, width)
        if model.accepted_sizes.takes(height, width):
            assert model(image, ["down"])["down"].shape[2:] == (height // multiple, width // multiple)
        else:
            with pytest.raises(SizeRefused, match=refusal):
                model(image, ["last"])


def test_a_network_that_takes_squares_alone_is_one_of_one_size() -> None:
    assert find_multiple((24, 24), lambda height, width: height == width) is None
    assert find_multiple((24, 36), lambda height, width: not (height % 6 or width % 6)) == 6
    # 4 patches of 16 pixels or any even number, what fills none cropped
    assert find_multiple((64, 64), lambda height, width: not (height // 16 % 2 or width // 16 % 2)) == 32
    assert rv.AcceptedSizes((24, 36)).takes(24, 36) and not rv.AcceptedSizes((24, 36)).takes(36, 24)
