"""Makes docs/zoo.md: networks of torchvision and timm, what they dream of unless told, and what a step costs.

    python tools/zoo_table.py [--untimed] [--pictures docs/images/zoo] [NETWORK ...] > docs/zoo.md

Weights are the libraries' own where they are in a cache or can be downloaded, else random: the column says which. Both
cost the same. A step is a gradient of a picture of 448 x 448 pixels: the median of five. Use --untimed on a machine
that has other work to do: its numbers would mean nothing. With --pictures, each network whose own weights could be had
dreams the example, and the last column shows it.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from reverie.errors import WeightsError
from reverie.gradient.base import gradient_of
from reverie.image.arrays import open_image
from reverie.image.resample import resize_longest_side
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream
from reverie.models.load import load_model
from reverie.models.receptive_field import measure_geometry
from reverie.objectives.default import default_objective
from reverie.objectives.parser import objective
from reverie.recipe.inputs import EXAMPLE, input_path
from reverie.settings import Settings
from reverie.types import Model

NETWORKS = [
    *("torchvision:" + name for name in ("alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50")),
    *("torchvision:" + name for name in ("squeezenet1_1", "densenet121", "mobilenet_v3_large", "efficientnet_b0")),
    *("torchvision:" + name for name in ("regnet_y_400mf", "convnext_tiny", "swin_t", "vit_b_16")),
    *("timm:" + name for name in ("convnext_tiny.fb_in22k", "resnet50.a1_in1k", "efficientnet_b0.ra_in1k")),
    *("timm:" + name for name in ("vit_tiny_patch16_224.augreg_in21k", "swin_tiny_patch4_window7_224.ms_in1k")),
]
SIDE, TIMES = 448, 5
WIDTH, QUALITY = 256, 85
DOCS = Path(__file__).parent.parent / "docs"
COLUMNS = ["network", "weights", "default layer", "stride", "receptive field", "parameters", "ms per step"]


def main() -> None:
    asked = parser().parse_args()
    print(__doc__.splitlines()[0].replace("Makes docs/zoo.md: n", "# N"))
    print("\nMade by `tools/zoo_table.py`; the default is the block two thirds up the row whose stride is 16.")
    print("Weights are the libraries' own, or random where these could not be had: layers and costs are the same.")
    if asked.pictures:
        print("Pictures are the example, dreamed by the default; a network of random weights has learned nothing to")
        print("dream of, and has none.")
    print("Steps were not timed: the machine had other work to do." if asked.untimed else machine(), end="\n\n")
    print("| " + " | ".join([*COLUMNS, *(["dream"] if asked.pictures else [])]) + " |")
    print("|---|---|---|---:|---:|---:|---:|" + ("---|" if asked.pictures else ""))
    for name in asked.networks or NETWORKS:
        print("| " + " | ".join(row(name, not asked.untimed, asked.pictures)) + " |", flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("networks", nargs="*", metavar="NETWORK", help="such as torchvision:googlenet; none: a choice")
    made.add_argument("--untimed", action="store_true", help="leave out what a step costs")
    made.add_argument("--pictures", type=Path, metavar="FOLDER", help="dream the example into this folder")
    return made


def machine() -> str:
    threads = f"{torch.get_num_threads()} threads of {platform.machine()}, torch {torch.__version__}"
    return f"Milliseconds for a step on {SIDE} x {SIDE} pixels (a network of one size: its own), {threads}."


def row(name: str, timed: bool, pictures: Path | None) -> list[str]:
    try:
        model, weights = load_model(name), "own"
    except WeightsError:
        model, weights = load_model(name, weights="random"), "random"
    wish = default_objective(model)
    layer = objective(wish).layers[0]
    seen = measure_geometry(model, [layer])[layer]
    parameters = sum(trainable for trainable, _ in model.parameters.values())
    field = str(seen.receptive_field or "all")
    milliseconds = f"{1000 * seconds(model, wish):.0f}" if timed else "-"
    told = [f"`{name}`", weights, f"`{layer}`", str(seen.stride), field, f"{parameters:,}", milliseconds]
    if pictures is None:
        return told
    return [*told, picture(name, model, wish, pictures) if weights == "own" else ""]


def picture(name: str, model: Model, wish: str, folder: Path) -> str:
    """Dreams the example into the folder, and shows it as the page does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub('[^A-Za-z0-9]+', '-', name)}.jpg"
    height, _ = own_size(model) or (SIDE, SIDE)
    settings = Settings(size=height, octaves=1 if own_size(model) else None)
    dreamed = dream(open_image(input_path(EXAMPLE)), model, wish, settings)
    save_image(resize_longest_side(dreamed.cpu(), WIDTH), path, quality=QUALITY)
    return f"![What {name} dreams of]({Path(os.path.relpath(path, DOCS)).as_posix()})"


def seconds(model: Model, wish: str) -> float:
    """The median time of a gradient."""
    gradient = gradient_of(model, objective(wish))
    image = torch.rand(1, 3, *(own_size(model) or (SIDE, SIDE)), device=model.device)
    gradient(image)
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        gradient(image)[1].sum().item()  # waits for the device
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def own_size(model: Model) -> tuple[int, int] | None:
    """The size (height, width) of the only pictures that a network takes; None: it takes any."""
    network: Any = getattr(model, "network", None)
    if getattr(network, "any_size", True):
        return None
    height, width = network.pictures[0].shape[2:]
    return height, width


if __name__ == "__main__":
    main()
