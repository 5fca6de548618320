"""Any torch module as a `LayeredNetwork`: its layers are its submodules by dotted name, read by forward hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from reverie.errors import SettingsError, SizeRefused, UnknownLayer
from reverie.models.hooked.folding import fold_network
from reverie.models.hooked.grids import AxisOrder, HeightWidth, OutputGrid
from reverie.models.hooked.hooks import (
    iterate_tensors,
    record_all_outputs,
    record_differentiable_outputs,
    record_outputs,
)
from reverie.models.hooked.multiples import find_least_size, find_multiple
from reverie.models.hooked.reading import (
    are_windows,
    describe_output,
    detect_layers,
    find_module_name,
    list_prefix_layers,
    read_maps,
)
from reverie.models.hooked.refusals import WITHOUT_GRADIENT, explain_no_layer, find_disconnected, suggest_part
from reverie.models.hooked.trials import (
    REFUSAL_ERRORS,
    accepts_image,
    describe_trials,
    explain_refusal,
    find_accepted_images,
    has_grids,
    make_gray_image,
    spatial_size,
)
from reverie.models.torch_model import count_module_parameters
from reverie.types import AcceptedSizes

LOGITS = "logits"
"""The name of the layer that is the whole network's output, where that is a score per class (b, n)."""


class HookedNetwork(nn.Module):
    """Any module as a network with layers: `forward(image, layers) -> {layer: activations (b, c, h, w)}`.

    LAYERS are the submodules whose output depends on the image, in order of execution; a container comes after what it
    contains. What is no grid over the image can be read, too: a vector (b, c) as (b, c, 1, 1), tokens and sequences of
    n places as (b, c, n, 1). ALL_LAYERS holds also the tokens before a grid, such as "blocks.5.class_token".
    CLASSES is the layer whose channels are the classes, None where the output of the module is no score per class.
    The module is switched to eval mode and kept: hand in a copy of one that is still to be trained.
    """

    def __init__(
        self,
        module: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        name: str = "the network",
        side: int | HeightWidth = 0,
    ) -> None:
        """`mean` and `std` (red, green, blue, on the scale 0..1) are those of the images it was trained on.

        `side`: that in pixels of the square images the module was made for, tried if it takes none of the others; a
        (height, width) is tried alone. Its parameters are frozen. Raises SettingsError for a module that takes no
        image, or has no layer.
        """
        super().__init__()
        self.name, self.MEAN, self.STD = name, check_three_numbers(mean, "mean"), check_three_numbers(std, "std")
        self.original = module.eval().requires_grad_(False)
        self.pictures = find_accepted_images(module, side)
        if not self.pictures:
            raise SettingsError(
                f"{name} answers to no picture of {describe_trials(side)}{explain_refusal(module, side)}"
            )
        self.ACCEPTED_SIZES = measure_accepted_sizes(module, self.pictures)
        outputs = [record_all_outputs(module, picture) for picture in self.pictures]  # of every submodule
        self.executed = frozenset(outputs[0])
        answers = record_differentiable_outputs(module, self.pictures[0])
        sizes = [spatial_size(picture) for picture in self.pictures]
        differentiable = {each: output for each, output in outputs[0].items() if each in answers}
        self.grids = detect_layers(module, [differentiable, *outputs[1:]], sizes)
        unreached = self.drop_disconnected_layers()
        self.CLASSES, self.CLASS_COUNT = self.add_logits_layer(None if "" in unreached else outputs[0].get(""))
        self.CLASS_NAMES: tuple[str, ...] | None = None
        self.LAYERS = tuple(self.grids)
        if not self.LAYERS:
            raise SettingsError(explain_no_layer(module, name, bool(answers)) + suggest_part(module, has_grids))
        tokens = list_prefix_layers(self.grids)
        self.grids |= tokens
        before = {find_module_name(each, grid): each for each, grid in tokens.items()}
        self.ALL_LAYERS = tuple(each for own in self.LAYERS for each in (own, before.get(own)) if each)
        others = [each for each, _ in module.named_modules() if each and each not in self.grids]
        self.OTHERS = {each: describe_output(outputs[0].get(each), each in answers) for each in others}
        self.OTHERS |= dict.fromkeys(unreached, WITHOUT_GRADIENT)
        # Batch norms are folded once and for all. Layers whose output that changes are read from the original.
        random = torch.rand(self.pictures[0].shape, generator=torch.Generator().manual_seed(0))
        self.folded, self.changed_layers = fold_network(module, random.to(self.pictures[0]))
        self.overwritten: frozenset[str] = frozenset()  # layers known to be overwritten in place after their output

    def drop_disconnected_layers(self) -> set[str]:
        """Drop the layers that no gradient of the image reaches, and return them; "" is the network's own output."""

        def record(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
            return record_outputs(self.original, image, layers).outputs

        unreached = find_disconnected([*self.grids, ""], record, self.pictures[0])
        self.grids = {name: grid for name, grid in self.grids.items() if name not in unreached}
        return unreached

    def keep_layers(self, names: Sequence[str]) -> None:
        """Keep these layers alone, in order of execution, and that of the classes. Raises UnknownLayer."""
        for name in names:
            if name not in self.ALL_LAYERS:
                known = SimpleNamespace(name=self.name, layers=self.LAYERS, other_layers=self.OTHERS)
                raise UnknownLayer(known, name)
        kept = {*names, self.CLASSES}
        self.grids = {name: grid for name, grid in self.grids.items() if name in kept}
        self.LAYERS, self.ALL_LAYERS = (
            tuple(each for each in layers if each in kept) for layers in (self.LAYERS, self.ALL_LAYERS)
        )

    def add_logits_layer(self, output: Tensor | None) -> tuple[str | None, int | None]:
        """Add the network's own output as a layer if it is a score per class (b, n).

        Returns the layer's name and n, or None, None.
        """
        if output is None or output.ndim != 2 or output.shape[1] < 2:
            return None, None
        name = LOGITS if LOGITS not in self.grids else f".{LOGITS}"  # some networks have a layer of that name
        self.grids[name] = OutputGrid(AxisOrder.VECTOR)
        return name, output.shape[1]

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations of `layers`, for images (b, 3, h, w) normalized by MEAN and STD.

        Runs nothing after the last of the layers, and leaves no hook behind. Raises SizeRefused for an image of a size
        that the network does not take, and ValueError for one that is too small.
        """
        if not layers:
            return {}
        try:
            return self.compute_activations(image, layers)
        except (SizeRefused, SettingsError):
            raise
        except REFUSAL_ERRORS as error:
            if self.refuses_size(image, layers, error):
                raise self.size_error(image) from error
            if isinstance(error, (RuntimeError, ValueError)):
                raise
            raise ValueError(str(error)) from error

    def compute_activations(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations (b, c, h, w) of layers. Raises ValueError where a layer has no place left."""
        outputs = self.compute_outputs(image, layers)
        if len(image) > 1 and are_windows(outputs.values(), len(image)):
            # Whose window is whose only the network knows: each image by itself.
            alone = [self.compute_activations(each, layers) for each in image.split(1)]
            return {name: torch.cat([found[name] for found in alone]) for name in layers}
        return {name: read_maps(name, outputs[name], self.grids[name], image) for name in layers}

    def compute_outputs(self, image: Tensor, layers: Collection[str]) -> Mapping[str, Tensor]:
        """The outputs of layers as they were computed.

        Where a later module overwrites one in place, they are computed again and cloned.
        """
        network = self.original if self.changed_layers & set(layers) else self.folded
        modules = {name: self.module_name(name) for name in layers}
        names = set(modules.values())
        recording = record_outputs(network, image, names, self.overwritten)
        if recording.find_overwritten():  # the second time, and ever after, these outputs are cloned
            self.overwritten |= recording.find_overwritten()
            recording = record_outputs(network, image, names, self.overwritten)
        if len(recording.outputs) < len(names):
            silent = ", ".join(sorted(names - set(recording.outputs)))
            raise ValueError(f"{self.name} passes by {silent} in a picture of {image.shape[-1]} x {image.shape[-2]}")
        return {name: recording.outputs[own] for name, own in modules.items()}

    def module_name(self, layer: str) -> str:
        """The name of the module whose output a layer is; "" for the whole network."""
        return "" if layer == self.CLASSES else find_module_name(layer, self.grids[layer])

    def refuses_size(self, image: Tensor, layers: Collection[str], error: Exception) -> bool:
        """Whether a forward pass failed because the network does not take that size, though it is not too small."""
        if "memory" in str(error).lower():  # out of memory: on CPUs, torch raises a plain RuntimeError for it
            return False
        (height, width), (least, _) = spatial_size(image), spatial_size(self.pictures[0])
        if self.any_size and min(height, width) < least:
            return False
        try:
            with torch.no_grad():
                self.compute_activations(self.pictures[0].to(image), layers)  # what worked before, works still?
        except REFUSAL_ERRORS:
            return False
        return True

    @property
    def any_size(self) -> bool:
        """Whether the network takes any size that is not too small."""
        return self.ACCEPTED_SIZES is None

    def size_error(self, image: Tensor) -> SizeRefused:
        """Make the error for an image of a size that the network does not take."""
        (height, width), accepted = spatial_size(image), self.ACCEPTED_SIZES
        accepted = accepted or AcceptedSizes(spatial_size(self.pictures[0]))
        return SizeRefused(
            f"{self.name} does not take a picture of {width} x {height} pixels: it takes {accepted}", accepted.size
        )

    @property
    def strides(self) -> dict[str, int]:
        """The stride in pixels of every layer with more than one place."""
        return {name: grid.stride for name, grid in self.grids.items() if grid.stride}

    @property
    def block_parameters(self) -> dict[str, tuple[int, int]]:
        """The (trainable, non-trainable) parameters of each top-level block, except those that only run in training."""
        own = {name: (each.numel(), 0) for name, each in self.original.named_parameters(recurse=False)}
        blocks = {name.split(".")[0] for name in self.executed}
        return own | {
            name: count_module_parameters(block) for name, block in self.original.named_children() if name in blocks
        }

    def layer_parameters(self, layer: str) -> tuple[int, int]:
        """The (trainable, non-trainable) parameters within a layer."""
        name = self.module_name(layer)
        return count_module_parameters(self.original.get_submodule(name)) if name else (0, 0)


def measure_accepted_sizes(module: nn.Module, pictures: Sequence[Tensor]) -> AcceptedSizes | None:
    """The sizes that a module takes, found by trying, given what `find_accepted_images` did; None: any."""

    def accepts(height: int, width: int) -> bool:
        return accepts_image(module, make_gray_image(module, height, width))

    size = spatial_size(pictures[0])
    multiple = find_multiple(size, accepts) if len(pictures) > 1 else None
    if multiple is None:
        return AcceptedSizes(size)
    return None if multiple == 1 else AcceptedSizes(find_least_size(multiple, size, accepts), multiple)


def check_three_numbers(numbers: Sequence[float], what: str) -> tuple[float, float, float]:
    """Check the `what`, "mean" or "std", of the three colors. Raises SettingsError."""
    if len(numbers) != 3 or (what == "std" and not all(number > 0 for number in numbers)):
        raise SettingsError(f"{what} is {numbers!r}; expected three numbers, of red, green and blue on the scale 0..1")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def hash_module_weights(module: nn.Module) -> str:
    """The SHA-256 of a module's state dict, in hexadecimal: equal weights have equal digests, whatever their file."""
    hashed = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        tensors = list(iterate_tensors(value))  # of a quantized layer several in one value, or a dtype alone
        for tensor in tensors:
            hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            whole = tensor.dequantize() if tensor.is_quantized else tensor
            hashed.update(whole.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        if not tensors:
            hashed.update(f"{name} {value}\n".encode())
    return hashed.hexdigest()
