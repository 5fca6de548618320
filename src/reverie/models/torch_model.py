"""A torch network as a `Model`, which owns its preprocessing, precision and memory format."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reverie._native import kernels as native
from reverie._native import malloc as heap
from reverie.errors import SettingsError, UnknownLayer, WordingError
from reverie.types import AcceptedSizes, Activations, Image

log = logging.getLogger("reverie")

PRECISIONS = ("auto", "float32", "bfloat16")


@runtime_checkable
class LayeredNetwork(Protocol):
    """What `TorchModel` asks of a module: normalized images in, activations by layer out.

    LAYERS are the names of its layers, lowest first; MEAN and STD (red, green, blue, on the scale 0..1) are those of
    the images it was trained on. ALL_LAYERS, where there are more, also holds those that are listed only if all are
    asked for; ALIASES are other names of layers, {name: name in ALL_LAYERS}. A network with a classifier may have
    CLASSES too, the layer whose channels are the classes, CLASS_NAMES and CLASS_COUNT; OTHERS says of modules that are
    no layers why they are none; ACCEPTED_SIZES is that of a network that does not take images of any size.
    """

    LAYERS: tuple[str, ...]
    MEAN: tuple[float, float, float]
    STD: tuple[float, float, float]

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """The activations of `layers`, for images (b, 3, h, w) that are normalized already."""


class TorchModel:
    """A `Model` around a `LayeredNetwork`: `model(image, layers) -> {layer: activations}`, see `types.Model`.

    `image` is expected on `device`; activations come in the model's precision. The module is switched to eval mode, its
    parameters are frozen, and it is moved in place.
    """

    def __init__(
        self,
        network: LayeredNetwork,
        name: str,
        digest: str,
        *,
        parameters: Mapping[str, tuple[int, int]] | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        """`digest`: SHA-256 of the weights, in hexadecimal. `parameters`: counts to report instead of the module's own.

        `device`: auto, cpu, cuda or mps. `precision`: auto, float32 or bfloat16. Raises SettingsError for others, and
        for a device that is not there.
        """
        module = cast(nn.Module, network)
        self.name, self.digest = name, digest
        self.main_layers: tuple[str, ...] = network.LAYERS
        self.layers: tuple[str, ...] = getattr(network, "ALL_LAYERS", network.LAYERS)
        self.aliases: Mapping[str, str] = getattr(network, "ALIASES", {})
        self.device = choose_device(device)
        if self.device.type == "cpu":
            heap.keep_freed_memory()
        self.dtype = choose_precision(precision, self.device)
        self.precision = str(self.dtype).removeprefix("torch.")
        self.parameters = parameters or count_block_parameters(module)
        # channels_last is the memory format in which convolutions are fastest, on CPUs and tensor cores alike.
        module = module.eval().requires_grad_(False).to(self.device, self.dtype)
        self.network = module.to(memory_format=torch.channels_last)
        # A network with a classifier says which layer's channels are the classes, and may say their names.
        self.classes: str | None = getattr(network, "CLASSES", None)
        self.class_names: Sequence[str] | None = getattr(network, "CLASS_NAMES", None)
        self.class_count: int | None = getattr(network, "CLASS_COUNT", None)
        self.accepted_sizes: AcceptedSizes | None = getattr(network, "ACCEPTED_SIZES", None)
        self.other_layers: Mapping[str, str] = getattr(network, "OTHERS", {})
        # (image - mean) / std as image * scale + shift: one fused multiply-add. Both (1, 3, 1, 1).
        self.scale = (1 / torch.tensor(network.STD)).view(1, 3, 1, 1).to(self.device)
        self.shift = (-torch.tensor(network.MEAN) / torch.tensor(network.STD)).view(1, 3, 1, 1).to(self.device)

    def __call__(self, image: Image, layers: Collection[str]) -> Activations:
        """The activations (b, c, h', w') of `layers`, attached to the autograd graph of `image` (b, 3, h, w), 0..1.

        A vector (b, c) has one place, (b, c, 1, 1); tokens that lie in no grid have a column of them, (b, c, n, 1).
        Raises UnknownLayer.
        """
        names = {layer: self.aliases.get(layer, layer) for layer in layers}
        for layer, name in names.items():
            if name not in self.layers:
                raise UnknownLayer(self, layer)
        normalized = normalize_image(image, self.scale, self.shift, self.dtype)
        activations = self.network(normalized, frozenset(names.values()))
        return cast("Activations", {layer: activations[name] for layer, name in names.items()})

    def logits(self, image: Image) -> Float[Tensor, "b n"]:
        """The logits of every class: as the network computes them, else the mean of the class layer over all places.

        `image` (b, 3, h, w), 0..1. Raises WordingError where there is no classifier.
        """
        if self.classes is None:
            raise WordingError(f"{self.name} has no classifier")
        activations = self(image, [self.classes])[self.classes].float()
        logits: Tensor = getattr(self.network, "logits", average_over_places)(activations)
        return logits

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.layers)} layers, {self.precision}, {self.device}>"


def normalize_image(image: Image, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Image:
    """Normalize an image: image * scale + shift, in the network's dtype and memory format (channels_last)."""
    if native.supports_preprocessing(image, dtype):
        normalized: Tensor = _NormalizeFunction.apply(image, scale, shift, dtype)
        return normalized
    return torch.addcmul(shift, image, scale).to(dtype, memory_format=torch.channels_last)


class _NormalizeFunction(torch.autograd.Function):
    """The same in one pass over memory, by a native kernel, with its backward pass."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.scale = scale
        return native.preprocess_image(image, scale, shift, dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        if torch.is_grad_enabled():  # `create_graph`: in torch's own operations, which can be differentiated again
            return grad.float() * ctx.scale, None, None, None
        return native.preprocess_image_backward(grad, ctx.scale), None, None, None


def average_over_places(activations: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n"]:
    """The mean of each channel over all places."""
    return activations.mean((2, 3))


def count_block_parameters(module: nn.Module) -> dict[str, tuple[int, int]]:
    """Count the (trainable, non-trainable) parameters of each top-level block."""
    return {name: count_module_parameters(block) for name, block in module.named_children()}


def count_module_parameters(module: nn.Module) -> tuple[int, int]:
    """Count the (trainable, non-trainable) parameters of a module as they are published.

    Non-trainable are the running statistics of batch norms: floating-point buffers that are saved with the weights.
    Step counters, indices of relative positions, masks and the like are no parameters.
    """
    saved = module.state_dict()
    statistics = [each for name, each in module.named_buffers() if name in saved and each.is_floating_point()]
    return sum(each.numel() for each in module.parameters()), sum(each.numel() for each in statistics)


def choose_device(device: str) -> torch.device:
    """The device of a name; "auto" takes the fastest there is. Raises `SettingsError` for one that is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    kind = device.split(":")[0]
    if not there.get(kind):
        here = ", ".join(name for name, is_there in there.items() if is_there)
        raise SettingsError(f"no device {device!r} here; expected auto or one of: {here}")
    return torch.device(device)


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of a precision; "auto" is bfloat16 where the hardware computes it natively, float32 elsewhere.

    A bfloat16 that is asked for and must be emulated is told to the log. Raises `SettingsError` for another name.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
    if precision == "auto":
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32
    if precision == "bfloat16" and not has_native_bfloat16(device):
        log.warning("bfloat16 is emulated on this %s, which is slower than float32: see --precision auto", device.type)
    return torch.float32 if precision == "float32" else torch.bfloat16


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether the device's hardware computes bfloat16 itself, rather than by conversion to float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        if capabilities:
            return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())  # before torch 2.11
    return False
