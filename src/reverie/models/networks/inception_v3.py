"""The paper's network: InceptionV3 without its top, in Keras's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from reverie.models.networks.chain import Answer, Chain, Layer, Planes, Tape, of
from reverie.models.networks.inception_blocks import Branch, Conv, blocks
from reverie.models.networks.inception_weights import canonical, count, fold, untrained
from reverie.models.networks.layers import AveragePool, Convolution, MaxPool, Relu

Folded = Mapping[str, tuple[Tensor, Tensor]]


class InceptionV3(Chain):
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


class Block(Layer):
    """Branches side by side, their answers joined along the channels.

    A 1x1 convolution and an average pool can change places. So every branch that starts with a 1x1 convolution takes
    its share of one convolution of the input, and the pool averages its few channels instead of all of the input's.
    """

    def __init__(self, branches: tuple[Branch, ...], folded: Folded) -> None:
        super().__init__()
        shares = [_starts_with_1x1(branch) and len(branches) > 1 for branch in branches]
        starts = [branch.stages[0][0] for branch, share in zip(branches, shares, strict=True) if share]
        self.start = _convolution(starts, folded, relu=False) if starts else None
        self.widths = [conv.kernel[0] for conv in starts]
        self.ways = nn.ModuleList(_Way(branch, share, folded) for branch, share in zip(branches, shares, strict=True))

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        shares = list(self.start.answer(planes, tape).split_with_sizes(self.widths, 1)) if self.start else []
        return joined([way.answer(shares.pop(0) if way.share else planes, tape, masked) for way in of(self.ways, _Way)])

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        ways = of(self.ways, _Way)
        known = [way.channels for way in ways]
        grads = grad.split_with_sizes([each or grad.shape[1] - sum(known) for each in known], 1)
        shares: list[Tensor] = []
        found: Tensor | None = None
        for way, own in zip(reversed(ways), reversed(grads), strict=True):
            pulled = way.pull(own, tape, masked)
            if way.share:
                shares.insert(0, pulled)
            else:
                found = pulled if found is None else found.add_(pulled)
        if self.start:
            found = self.start.pull(joined(shares), tape, True, found)
        assert found is not None  # a block has at least one branch
        return found


class _Way(Layer):
    """One branch; if it takes a share of its block's first convolution, what comes after that.

    `channels` it answers with; 0: as many as it was given.
    """

    def __init__(self, branch: Branch, share: bool, folded: Folded) -> None:
        super().__init__()
        self.share, self.channels = share, branch.channels(0)
        pools: dict[str, list[Layer]] = {"": [], "average": [AveragePool()], "max": [MaxPool()]}
        stages = [_Stage(stage, folded) for stage in (branch.stages[1:] if share else branch.stages)]
        self.steps = nn.ModuleList([*pools[branch.pool], *([Relu()] if share else []), *stages])

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        for number, step in enumerate(of(self.steps, Layer), 1):
            planes = step.answer(planes, tape, masked or number < len(self.steps))
        return planes

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        for number, step in reversed(list(enumerate(of(self.steps, Layer), 1))):
            grad = step.pull(grad, tape, masked or number < len(self.steps))
        return grad


class _Stage(Layer):
    """Convolutions side by side of the same planes."""

    def __init__(self, convs: tuple[Conv, ...], folded: Folded) -> None:
        super().__init__()
        self.widths = [conv.kernel[0] for conv in convs]
        self.convolutions = nn.ModuleList(_convolution([conv], folded) for conv in convs)

    def answer(self, planes: Planes, tape: Tape | None, masked: bool = True) -> Answer:
        return joined([each.answer(planes, tape, masked) for each in of(self.convolutions, Convolution)])

    def pull(self, grad: Answer, tape: Tape, masked: bool = True) -> Planes:
        found: Tensor | None = None
        for each, own in zip(
            reversed(of(self.convolutions, Convolution)), reversed(grad.split_with_sizes(self.widths, 1)), strict=True
        ):
            found = each.pull(own, tape, masked, found)
        assert found is not None
        return found


def joined(answers: list[Tensor]) -> Answer:
    return answers[0] if len(answers) == 1 else torch.cat(answers, 1)


def _starts_with_1x1(branch: Branch) -> bool:
    return branch.stages != () and branch.stages[0][0].kernel[2:] == (1, 1)


def _convolution(convs: list[Conv], folded: Folded, relu: bool = True) -> Convolution:
    """Several of one kernel's size as one, their channels one after another."""
    weight, bias = (torch.cat(tensors) for tensors in zip(*(folded[conv.name] for conv in convs), strict=True))
    return Convolution(weight, bias, convs[0].stride, convs[0].padding, relu)
