"""InceptionV3 without its top, as Keras builds it: the network of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reverie.models.networks.chain import Chain, FeatureMaps, Layer, OutputMaps, SavedTensors, cast_modules
from reverie.models.networks.inception_blocks import BranchSpec, ConvSpec, parse_blocks
from reverie.models.networks.inception_names import BRANCHES, PRE, UnitNames, list_aliases, list_inner_layers
from reverie.models.networks.inception_weights import (
    compute_norm_scales,
    convert_weights,
    count_published_parameters,
    draw_random_weights,
    fold_batch_norms,
)
from reverie.models.networks.inner import (
    BELOW,
    Node,
    insert_inner_layers,
    make_concatenation,
    make_convolution,
    make_relu,
)
from reverie.models.networks.layers import AveragePool, Convolution, MaxPool, Relu

FoldedWeights = Mapping[str, tuple[Tensor, Tensor]]

FoldedConvolution: TypeAlias = tuple[Tensor, Tensor, tuple[int, int], tuple[int, int]]
"""The weight, bias, stride and padding of a convolution with its batch norm folded in."""


class InceptionV3(Chain):
    """InceptionV3 with batch norms folded into the convolutions; its layers are `conv1` ... `mixed10`, after the ReLU.

    Within them, all layers that Keras names can be read (`conv2d_40`, `batch_normalization_40`, `activation_40`), also
    by names such as `mixed5/branch7x7`, and each block before the ReLU (`mixed5_pre`): see `inception_names`.

    An image smaller than 75 pixels a side leaves `mixed10` without a place.
    """

    LAYERS = tuple(parse_blocks())
    INNER: ClassVar[Mapping[str, str]] = list_inner_layers()
    ALL_LAYERS: ClassVar[tuple[str, ...]] = insert_inner_layers(LAYERS, INNER)
    ALIASES: ClassVar[Mapping[str, str]] = list_aliases()
    MEAN = (0.5, 0.5, 0.5)
    STD = (0.5, 0.5, 0.5)
    SMALLEST = 75

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """`tensors` by our own names, batch norms apart (see `inception_weights`)."""
        super().__init__()
        folded = fold_batch_norms(tensors)
        self.block_parameters = count_published_parameters(tensors)
        self.scales = compute_norm_scales(tensors)  # by which the folded kernels are larger than Keras's
        self.blocks = nn.ModuleDict(
            {name: InceptionBlock(branches, folded) for name, branches in parse_blocks().items()}
        )

    @classmethod
    def from_weights(cls, weights: Mapping[str, Any]) -> InceptionV3:
        """Build it from tensors by our own names, or by Keras's names in Keras's order.

        Raises WeightsError if they do not fit.
        """
        return cls(convert_weights(weights))

    @classmethod
    def random(cls, seed: int = 0) -> InceptionV3:
        """Build it untrained: the same seed gives the same weights."""
        return cls(draw_random_weights(seed))

    def open_layer(self, name: str) -> Mapping[str, Node]:
        """See `Chain.open_layer`: the block branch by branch, as it is published, pools before their convolutions."""
        block = self.block(name)
        assert isinstance(block, InceptionBlock)
        branches = BRANCHES[name]
        nodes: dict[str, Node] = {name + PRE: make_concatenation([pre for branch in branches for pre in branch.pre])}
        for number, (branch, spec) in enumerate(zip(branches, parse_blocks()[name], strict=True)):
            below = BELOW
            if branch.pool:
                nodes[branch.pool], below = make_pool(spec.pool), branch.pool
            for place, stage in enumerate(spec.stages):
                for side, conv in enumerate(stage):
                    unit = branch.stages[place][side]
                    folded = block.find_convolution(number, place, side)
                    nodes |= make_unit_nodes(unit, folded, self.scales[conv.name], below)
                below = branch.stages[place][-1].relu
            if branch.joined:
                nodes[branch.joined] = make_concatenation([unit.relu for unit in branch.stages[-1]])
        return nodes


def make_unit_nodes(names: UnitNames, folded: FoldedConvolution, scale: Tensor, below: str) -> dict[str, Node]:
    """The nodes of a convolution, its batch norm and its ReLU, from the convolution with the batch norm folded in."""
    weight, bias, stride, padding = folded
    plain = make_convolution(weight, None, stride, padding, below)
    return {
        names.convolution: lambda find: plain(find) / scale.to(weight)[:, None, None],
        names.norm: make_convolution(weight, bias, stride, padding, below),
        names.relu: make_relu(names.norm),
    }


def make_pool(kind: str) -> Node:
    """The 3x3 pool of a block's input: "max" at stride 2 without padding, or "average", see `AveragePool`."""
    if kind == "max":
        return lambda find: F.max_pool2d(find(BELOW), 3, 2)
    return lambda find: F.avg_pool2d(find(BELOW), 3, 1, 1, count_include_pad=False)


class InceptionBlock(Layer):
    """Parallel branches whose outputs are concatenated along the channels.

    All branches that start with a 1x1 convolution share one convolution of the input, and each takes its own channels
    of the output. That holds for the branch with an average pool too: the pool commutes with a 1x1 convolution, so it
    comes after it here and averages its few channels instead of all of the input's.
    """

    def __init__(self, branches: tuple[BranchSpec, ...], folded: FoldedWeights) -> None:
        super().__init__()
        shared = [_starts_with_1x1(branch) and len(branches) > 1 for branch in branches]
        first_convs = [branch.stages[0][0] for branch, shares in zip(branches, shared, strict=True) if shares]
        # Without ReLU, which must come after the average pool; each branch applies its own.
        self.shared_conv = _merge_convolutions(first_convs, folded, relu=False) if first_convs else None
        self.shared_channels = [conv.kernel[0] for conv in first_convs]
        self.branches = nn.ModuleList(
            _BranchLayers(branch, shares, folded) for branch, shares in zip(branches, shared, strict=True)
        )

    def find_convolution(self, branch: int, stage: int, side: int) -> FoldedConvolution:
        """The weight, bias, stride and padding of one convolution, wherever it was merged into."""
        own = cast_modules(self.branches, _BranchLayers)
        shares = own[branch].shares_conv
        if not (shares and stage == 0):
            parallel = [each for each in own[branch].steps if isinstance(each, _ParallelConvolutions)]
            found = cast_modules(parallel[stage - shares].convolutions, Convolution)[side]
            return found.weight, found.bias, found.stride, found.padding
        assert self.shared_conv is not None
        place = sum(each.shares_conv for each in own[:branch])
        first = sum(self.shared_channels[:place])
        rows = slice(first, first + self.shared_channels[place])
        return self.shared_conv.weight[rows], self.shared_conv.bias[rows], (1, 1), (0, 0)

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`."""
        parts: list[Tensor] = []  # of the shared convolution's output, one for each branch that has a part in it
        if self.shared_conv:
            parts += self.shared_conv.forward(maps, saved).split_with_sizes(self.shared_channels, 1)
        return concatenate_maps(
            [
                branch.forward(parts.pop(0) if branch.shares_conv else maps, saved, mask_relu)
                for branch in cast_modules(self.branches, _BranchLayers)
            ]
        )

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        branches = cast_modules(self.branches, _BranchLayers)
        known = [branch.channels for branch in branches]
        # At most one branch, a bare pool, has an unknown number of channels (0): it has what the others leave.
        grads = grad.split_with_sizes([each or grad.shape[1] - sum(known) for each in known], 1)
        parts: list[Tensor] = []
        total: Tensor | None = None  # the gradient with respect to the block's input, summed over its branches
        for branch, branch_grad in zip(reversed(branches), reversed(grads), strict=True):
            input_grad = branch.backward(branch_grad, saved, mask_relu)
            if branch.shares_conv:
                parts.insert(0, input_grad)
            else:
                total = input_grad if total is None else total.add_(input_grad)
        if self.shared_conv:
            total = self.shared_conv.backward(concatenate_maps(parts), saved, True, total)
        assert total is not None  # a block has at least one branch
        return total


class _BranchLayers(Layer):
    """One branch of a block: its layers one after another.

    `shares_conv`: its first 1x1 convolution is part of the block's shared one, and it holds only what comes after.
    `channels`: the number of its output channels; 0: as many as its input has.
    """

    def __init__(self, branch: BranchSpec, shares_conv: bool, folded: FoldedWeights) -> None:
        super().__init__()
        self.shares_conv, self.channels = shares_conv, branch.channels(0)
        pools: dict[str, list[Layer]] = {"": [], "average": [AveragePool()], "max": [MaxPool()]}
        stages = [
            _ParallelConvolutions(stage, folded) for stage in (branch.stages[1:] if shares_conv else branch.stages)
        ]
        # Pool before ReLU: the pool stands between the shared convolution and its ReLU (see `InceptionBlock`).
        self.steps = nn.ModuleList([*pools[branch.pool], *([Relu()] if shares_conv else []), *stages])

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`. Only the last layer's ReLU may go unmasked: the others are read within the branch."""
        for number, step in enumerate(cast_modules(self.steps, Layer), 1):
            maps = step.forward(maps, saved, mask_relu or number < len(self.steps))
        return maps

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        for number, step in reversed(list(enumerate(cast_modules(self.steps, Layer), 1))):
            grad = step.backward(grad, saved, mask_relu or number < len(self.steps))
        return grad


class _ParallelConvolutions(Layer):
    """Parallel convolutions of the same input, their outputs concatenated along the channels."""

    def __init__(self, convs: tuple[ConvSpec, ...], folded: FoldedWeights) -> None:
        super().__init__()
        self.channels = [conv.kernel[0] for conv in convs]
        self.convolutions = nn.ModuleList(_merge_convolutions([conv], folded) for conv in convs)

    def forward(self, maps: FeatureMaps, saved: SavedTensors | None, mask_relu: bool = True) -> OutputMaps:
        """See `Layer.forward`."""
        return concatenate_maps(
            [each.forward(maps, saved, mask_relu) for each in cast_modules(self.convolutions, Convolution)]
        )

    def backward(self, grad: OutputMaps, saved: SavedTensors, mask_relu: bool = True) -> FeatureMaps:
        """See `Layer.backward`."""
        convolutions, grads = cast_modules(self.convolutions, Convolution), grad.split_with_sizes(self.channels, 1)
        total: Tensor | None = None
        for convolution, own in zip(reversed(convolutions), reversed(grads), strict=True):
            total = convolution.backward(own, saved, mask_relu, total)
        assert total is not None  # a stage has at least one convolution
        return total


def concatenate_maps(outputs: list[Tensor]) -> OutputMaps:
    """Concatenate feature maps along the channels; a single one is not copied."""
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)


def _starts_with_1x1(branch: BranchSpec) -> bool:
    """Whether a branch's first convolution is 1x1; the pool that may come before it does not count."""
    return branch.stages != () and branch.stages[0][0].kernel[2:] == (1, 1)


def _merge_convolutions(convs: list[ConvSpec], folded: FoldedWeights, relu: bool = True) -> Convolution:
    """Several convolutions of one kernel size as a single one, their output channels concatenated."""
    weight, bias = (torch.cat(tensors) for tensors in zip(*(folded[conv.name] for conv in convs), strict=True))
    return Convolution(weight, bias, convs[0].stride, convs[0].padding, relu)
