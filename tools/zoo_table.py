"""Makes docs/zoo.md: networks of torchvision and timm, what they dream of unless told, and what a step costs.

    python tools/zoo_table.py [--untimed] [NETWORK ...] > docs/zoo.md

Weights are the libraries' own where they are in a cache or can be downloaded, else random: the column says which. Both
cost the same. A step is a gradient of a picture of 448 x 448 pixels: the median of five. Use --untimed on a machine
that has other work to do: its numbers would mean nothing.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time

import torch

from reverie.errors import WeightsError
from reverie.gradient import gradient_of
from reverie.models import default_objective, load_model
from reverie.probe import geometry
from reverie.types import Model
from reverie.wording import objective

NETWORKS = [
    *("torchvision:" + name for name in ("alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50")),
    *("torchvision:" + name for name in ("squeezenet1_1", "densenet121", "mobilenet_v3_large", "efficientnet_b0")),
    *("torchvision:" + name for name in ("regnet_y_400mf", "convnext_tiny", "swin_t", "vit_b_16")),
    *("timm:" + name for name in ("convnext_tiny.fb_in22k", "resnet50.a1_in1k", "efficientnet_b0.ra_in1k")),
    *("timm:" + name for name in ("vit_tiny_patch16_224.augreg_in21k", "swin_tiny_patch4_window7_224.ms_in1k")),
]
SIDE, TIMES = 448, 5


def main(names: list[str], timed: bool) -> None:
    print(__doc__.splitlines()[0].replace("Makes docs/zoo.md: n", "# N"))
    print("\nMade by `tools/zoo_table.py`; the default is the block two thirds up the row whose stride is 16.")
    print("Weights are the libraries' own, or random where these could not be had: layers and costs are the same.")
    print(machine() if timed else "Steps were not timed: the machine had other work to do.", end="\n\n")
    print("| network | weights | default layer | stride | receptive field | parameters | ms per step |")
    print("|---|---|---|---:|---:|---:|---:|")
    for name in names or NETWORKS:
        print("| " + " | ".join(row(name, timed)) + " |", flush=True)


def machine() -> str:
    threads = f"{torch.get_num_threads()} threads of {platform.machine()}, torch {torch.__version__}"
    return f"Milliseconds for a step on {SIDE} x {SIDE} pixels (a network of one size: its own), {threads}."


def row(name: str, timed: bool) -> list[str]:
    try:
        model, weights = load_model(name), "own"
    except WeightsError:
        model, weights = load_model(name, weights="random"), "random"
    wish = default_objective(model)
    layer = objective(wish).layers[0]
    seen = geometry(model, [layer])[layer]
    parameters = sum(trainable for trainable, _ in model.parameters.values())
    field = str(seen.receptive_field or "all")
    milliseconds = f"{1000 * seconds(model, wish):.0f}" if timed else "-"
    return [f"`{name}`", weights, f"`{layer}`", str(seen.stride), field, f"{parameters:,}", milliseconds]


def seconds(model: Model, wish: str) -> float:
    """The median time of a gradient."""
    gradient = gradient_of(model, objective(wish))
    image = torch.rand(1, 3, *picture_size(model), device=model.device)
    gradient(image)
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        gradient(image)[1].sum().item()  # waits for the device
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def picture_size(model: Model) -> tuple[int, int]:
    network = getattr(model, "network", None)
    if getattr(network, "any_size", True):
        return SIDE, SIDE
    height, width = network.pictures[0].shape[2:]
    return height, width


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--untimed"], "--untimed" not in sys.argv)
