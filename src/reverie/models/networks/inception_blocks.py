"""The architecture of InceptionV3 as a table, and the order in which Keras writes its weights.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2015), in Keras's form of it.
A block is parallel branches, divided by `|`; a branch is convolutions one after another; `384:1x3+384:3x1` are two in
parallel that read the same input. `96:3x3` has 96 channels, a kernel 3 high and 3 wide (1x1 if none is named) and
stride 1; `/2` is stride 2, without padding; `v` is stride 1 without padding. `average` and `max` are 3x3 pools of the
input.
"""

from __future__ import annotations

import re
from typing import NamedTuple

BLOCK_TABLE = {
    "conv1": "32:3x3/2",
    "conv2": "32:3x3v",
    "conv3": "64:3x3",
    "pool1": "max",
    "conv4": "80",
    "conv5": "192:3x3v",
    "pool2": "max",
    "mixed0": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | average 32",
    "mixed1": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | average 64",
    "mixed2": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | average 64",
    "mixed3": "384:3x3/2 | 64 96:3x3 96:3x3/2 | max",
    "mixed4": "192 | 128 128:1x7 192:7x1 | 128 128:7x1 128:1x7 128:7x1 192:1x7 | average 192",
    "mixed5": "192 | 160 160:1x7 192:7x1 | 160 160:7x1 160:1x7 160:7x1 192:1x7 | average 192",
    "mixed6": "192 | 160 160:1x7 192:7x1 | 160 160:7x1 160:1x7 160:7x1 192:1x7 | average 192",
    "mixed7": "192 | 192 192:1x7 192:7x1 | 192 192:7x1 192:1x7 192:7x1 192:1x7 | average 192",
    "mixed8": "192 320:3x3/2 | 192 192:1x7 192:7x1 192:3x3/2 | max",
    "mixed9": "320 | 384 384:1x3+384:3x1 | 448 384:3x3 384:1x3+384:3x1 | average 192",
    "mixed10": "320 | 384 384:1x3+384:3x1 | 448 384:3x3 384:1x3+384:3x1 | average 192",
}


class ConvSpec(NamedTuple):
    """A convolution without bias, followed by a batch norm (shift, no scale) and a ReLU."""

    name: str
    """Block, branch and stage, from 0: "mixed9.1.1b" is the second of two at stage 1 of branch 1."""
    kernel: tuple[int, int, int, int]
    """The shape of its weight: channels out, channels in, height, width."""
    stride: int
    padding: tuple[int, int]


class BranchSpec(NamedTuple):
    """Stages one after another, each of parallel convolutions; `pool` ("", "average" or "max") comes before them."""

    pool: str
    stages: tuple[tuple[ConvSpec, ...], ...]

    def channels(self, before: int) -> int:
        """The number of its output channels, given the number of its input channels (`before`)."""
        return sum(conv.kernel[0] for conv in self.stages[-1]) if self.stages else before


def _parse_conv(text: str, name: str, before: int) -> ConvSpec:
    """Parse one convolution of the table, such as "96:3x3/2"; `before` is the number of its input channels."""
    match = re.fullmatch(r"(\d+)(?::(\d)x(\d))?(/2|v)?", text)
    assert match, text  # not input: the table above is ours
    channels, height, width = (int(number or 1) for number in match.groups()[:3])
    padding = (0, 0) if match[4] else (height // 2, width // 2)
    return ConvSpec(name, (channels, before, height, width), 2 if match[4] == "/2" else 1, padding)


def _parse_branch(text: str, name: str, before: int) -> BranchSpec:
    """Parse one branch of the table, such as "average 32"; `before` is the number of its input channels."""
    words = text.split()
    pool = words.pop(0) if words[0] in ("average", "max") else ""
    stages: list[tuple[ConvSpec, ...]] = []
    for place, word in enumerate(words):
        pair = word.split("+")
        names = [f"{name}.{place}{'ab'[side] if len(pair) > 1 else ''}" for side in range(len(pair))]
        stages.append(tuple(_parse_conv(one, called, before) for one, called in zip(pair, names, strict=True)))
        before = sum(conv.kernel[0] for conv in stages[-1])
    return BranchSpec(pool, tuple(stages))


def parse_blocks() -> dict[str, tuple[BranchSpec, ...]]:
    """Parse the whole table: the branches of each block by its name, lowest block first."""
    plan: dict[str, tuple[BranchSpec, ...]] = {}
    channels = 3  # of the image
    for block, text in BLOCK_TABLE.items():
        plan[block] = tuple(_parse_branch(one, f"{block}.{i}", channels) for i, one in enumerate(text.split("|")))
        channels = sum(branch.channels(channels) for branch in plan[block])
    return plan


def creation_order() -> list[ConvSpec]:
    """All convolutions in the order of the table: lowest block first, branch by branch."""
    return [
        conv for branches in parse_blocks().values() for branch in branches for stage in branch.stages for conv in stage
    ]


def keras_order() -> list[ConvSpec]:
    """All convolutions in the order in which Keras lists, numbers and writes them.

    Keras sorts layers by their depth, the number of layers that still follow until the output, deepest first; layers of
    equal depth stay in the order of their branches. Blocks come one after another, so it is enough to sort within each.
    """
    order: list[ConvSpec] = []
    for branches in parse_blocks().values():
        with_depth = [
            (conv, _count_layers_after(branch, i))
            for branch in branches
            for i, s in enumerate(branch.stages)
            for conv in s
        ]
        order += [conv for conv, depth in sorted(with_depth, key=lambda pair: -pair[1])]  # a stable sort
    return order


def _count_layers_after(branch: BranchSpec, place: int) -> int:
    """The number of Keras layers from a stage to the end of its block.

    A stage is three (convolution, batch norm, ReLU), and one more where a pair is concatenated.
    """
    return sum(3 + (len(stage) > 1) for stage in branch.stages[place:])
