"""The paper's network: InceptionV3 without its top, in Keras's form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reverie.errors import UnknownName
from reverie.models.inception_plan import Branch, Conv, blocks
from reverie.models.inception_weights import canonical, count, fold, untrained
from reverie.models.layers import Convolution, answered, average_pool, relu, relu_max_pool

Folded = Mapping[str, tuple[Tensor, Tensor]]
BEFORE_POOL = ("conv3", "conv5")


class InceptionV3(nn.Module):
    """Activations of `conv1` ... `mixed10`, each after its ReLU; batch norm is folded into the convolutions.

    An image smaller than 75 pixels a side leaves nothing for `mixed10`.
    """

    LAYERS = tuple(blocks())
    MEAN = (0.5, 0.5, 0.5)
    STD = (0.5, 0.5, 0.5)
    SMALLEST = 75

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """`tensors` under our own names, unfolded (see `inception_weights`)."""
        super().__init__()
        folded = fold(tensors)
        self.block_parameters = count(tensors)
        self.blocks = nn.ModuleDict({name: Block(branches, folded) for name, branches in blocks().items()})

    @classmethod
    def from_weights(cls, weights: Mapping[str, Any]) -> InceptionV3:
        """From tensors under our own names or under Keras's, in Keras's order. WeightsError if they do not fit."""
        return cls(canonical(weights))

    @classmethod
    def random(cls, seed: int = 0) -> InceptionV3:
        """Untrained: the same network for the same seed."""
        return cls(untrained(seed))

    def forward(self, image: Float[Tensor, "b 3 h w"], layers: Collection[str]) -> dict[str, Tensor]:
        """The activations (b, c, h', w') of `layers`; `image` is normalised by MEAN and STD already.

        Computes nothing above the highest of `layers`. Raises UnknownName.
        """
        for unknown in sorted(set(layers) - set(self.LAYERS)):
            raise UnknownName("layer", unknown, self.LAYERS)
        found: dict[str, Tensor] = {}
        planes = image
        for name, block in self.blocks.named_children():
            if len(found) == len(set(layers)):
                break
            planes = block(planes, pooled=name in BEFORE_POOL and name not in layers)
            if name in layers:
                found[name] = answered(planes)
        return found


class Block(nn.Module):
    """Branches side by side, their answers joined.

    A 1x1 convolution and an average pool can change places. So every branch that starts with a 1x1 convolution takes
    its share of one convolution of the input, and the pool averages its few channels instead of all of the input's.
    """

    def __init__(self, branches: tuple[Branch, ...], folded: Folded) -> None:
        super().__init__()
        shares = [_starts_with_1x1(branch) and len(branches) > 1 for branch in branches]
        starts = [branch.stages[0][0] for branch, share in zip(branches, shares, strict=True) if share]
        self.start = _convolution(starts, folded) if starts else None
        self.widths = [conv.kernel[0] for conv in starts]
        self.branches = nn.ModuleList(
            _Way(branch, share, folded) for branch, share in zip(branches, shares, strict=True)
        )

    def forward(self, planes: Float[Tensor, "b c h w"], pooled: bool = False) -> Float[Tensor, "b d i j"]:
        """The answers of the branches, joined along the channels; `pooled`: a max pool is all that will read them."""
        shares = list(self.start(planes).split(self.widths, 1)) if self.start is not None else []
        answers = [way(shares.pop(0) if way.share else planes, pooled) for way in self.branches]
        return answers[0] if len(answers) == 1 else torch.cat(answers, 1)


class _Way(nn.Module):
    """One branch; if it takes a share of its block's first convolution, what comes after that."""

    def __init__(self, branch: Branch, share: bool, folded: Folded) -> None:
        super().__init__()
        self.pool, self.share = branch.pool, share
        stages = branch.stages[1:] if share else branch.stages
        self.stages = nn.ModuleList(nn.ModuleList(_convolution([conv], folded) for conv in stage) for stage in stages)

    def forward(self, planes: Float[Tensor, "b c h w"], pooled: bool) -> Float[Tensor, "b d i j"]:
        if self.pool:
            planes = average_pool(planes) if self.pool == "average" else relu_max_pool(planes)
        if self.share:
            planes = relu(planes)
        for stage in self.stages:
            answers = [convolution(planes, "relu, pool" if pooled else "relu") for convolution in stage.children()]
            planes = answers[0] if len(answers) == 1 else torch.cat(answers, 1)
        return planes


def _starts_with_1x1(branch: Branch) -> bool:
    return branch.stages != () and branch.stages[0][0].kernel[2:] == (1, 1)


def _convolution(convs: list[Conv], folded: Folded) -> Convolution:
    """Several of one kernel's size as one, their channels one after another."""
    weight, bias = (torch.cat(tensors) for tensors in zip(*(folded[conv.name] for conv in convs), strict=True))
    return Convolution(weight, bias, convs[0].stride, convs[0].padding)
