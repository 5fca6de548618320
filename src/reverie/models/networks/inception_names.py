"""The names of all layers of InceptionV3: those of its blocks, Keras's of what is within them, and readable ones.

Keras numbers the layers it names by a counter ("conv2d_40"): the names here are those of the first network of a fresh
process, whatever else was built before. Both engines have this one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import NamedTuple

from reverie.models.networks.inception_blocks import BranchSpec, ConvSpec, creation_order, parse_blocks

PRE = "_pre"
"""What is added to a name for the same before the ReLU."""

BRANCH_NAMES = {
    ("mixed0", "mixed1", "mixed2"): ("branch1x1", "branch5x5", "branch3x3dbl", "branch_pool"),
    ("mixed3",): ("branch3x3", "branch3x3dbl", "branch_pool"),
    ("mixed4", "mixed5", "mixed6", "mixed7"): ("branch1x1", "branch7x7", "branch7x7dbl", "branch_pool"),
    ("mixed8",): ("branch3x3", "branch7x7x3", "branch_pool"),
    ("mixed9", "mixed10"): ("branch1x1", "branch3x3", "branch3x3dbl", "branch_pool"),
}
"""The branches of each block, as the code of Keras's network calls them."""

PAIR_NAMES = {
    "mixed9.1": "mixed9_0",
    "mixed9.2": "concatenate",
    "mixed10.1": "mixed9_1",
    "mixed10.2": "concatenate_1",
}
"""Keras's names of the layers that join two parallel convolutions, by block and branch."""


class UnitNames(NamedTuple):
    """Keras's names of a convolution, its batch norm and its ReLU."""

    convolution: str
    norm: str
    relu: str


@dataclass(frozen=True)
class BranchNames:
    """The names within one branch of a block."""

    name: str
    """"mixed5/branch7x7"."""
    pool: str
    """The pool that it begins with, or ""."""
    stages: tuple[tuple[UnitNames, ...], ...]
    """Of each stage the parallel convolutions; where the last has two, `joined` is the layer that joins them."""
    joined: str

    @property
    def output(self) -> str:
        """The layer that the branch ends with."""
        return self.joined or (self.stages[-1][0].relu if self.stages else self.pool)

    @property
    def pre(self) -> tuple[str, ...]:
        """The layers that the branch ends with, before the ReLU; a pool has none."""
        return tuple(unit.norm for unit in self.stages[-1]) if self.stages else (self.pool,)

    def list_layers(self) -> Iterator[str]:
        """All layers of the branch, lowest first."""
        yield from [self.pool] if self.pool else []
        for stage in self.stages:
            yield from chain.from_iterable(zip(*stage, strict=True))
        yield from [self.joined] if self.joined else []

    def list_aliases(self) -> Iterator[tuple[str, str]]:
        """The (readable name, layer) pairs of the branch: the whole, before its ReLU, and each stage, from 1."""
        yield self.name, self.output
        if self.stages and not self.joined:
            yield self.name + PRE, self.stages[-1][0].norm
        for number, stage in enumerate(self.stages if len(self.stages) > 1 else (), 1):
            for unit, side in zip(stage, "ab" if len(stage) > 1 else ("",), strict=False):
                yield f"{self.name}/{number}{side}", unit.relu
                yield f"{self.name}/{number}{side}{PRE}", unit.norm


def number_layer(kind: str, number: int) -> str:
    """Keras's name of the layer of a kind with that number, from 0: "conv2d", "conv2d_1", ...."""
    return f"{kind}_{number}" if number else kind


def name_branches() -> dict[str, tuple[BranchNames, ...]]:
    """The names within the branches of each block, lowest block first."""
    numbers = {conv.name: number for number, conv in enumerate(creation_order())}
    pools = {"max": count(), "average": count()}

    def name_unit(conv: ConvSpec) -> UnitNames:
        kinds = ("conv2d", "batch_normalization", "activation")
        return UnitNames(*(number_layer(kind, numbers[conv.name]) for kind in kinds))

    def name_branch(block: str, number: int, branch: BranchSpec) -> BranchNames:
        called = next((names[number] for blocks, names in BRANCH_NAMES.items() if block in blocks), "")
        pool = number_layer(f"{branch.pool}_pooling2d", next(pools[branch.pool])) if branch.pool else ""
        stages = tuple(tuple(map(name_unit, stage)) for stage in branch.stages)
        return BranchNames(f"{block}/{called}", pool, stages, PAIR_NAMES.get(f"{block}.{number}", ""))

    return {
        block: tuple(name_branch(block, number, branch) for number, branch in enumerate(branches))
        for block, branches in parse_blocks().items()
    }


BRANCHES = name_branches()


def list_inner_layers() -> dict[str, str]:
    """The layers within the blocks, lowest first, each with its block: {"conv2d_40": "mixed5", ...}."""
    found: dict[str, str] = {}
    for block, branches in BRANCHES.items():
        whole = len(branches) == 1  # the only branch of a plain block ends with the block itself
        names = [name for branch in branches for name in branch.list_layers() if not (whole and name == branch.output)]
        found |= dict.fromkeys([*names, *([] if whole else [block + PRE])], block)
    return found


def list_aliases() -> dict[str, str]:
    """Other names of layers: {"activation": "conv1", "conv1_pre": "batch_normalization", "mixed5/branch1x1": ...}."""
    found: dict[str, str] = {}
    for block, branches in BRANCHES.items():
        if len(branches) > 1:
            found |= dict(pair for branch in branches for pair in branch.list_aliases())
            continue
        found[branches[0].output] = block
        if branches[0].stages:
            found[block + PRE] = branches[0].stages[0][0].norm
    return found
