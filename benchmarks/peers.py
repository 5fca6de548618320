"""How long does a step take in the other libraries of the field, each called as its own documentation calls it?

    python benchmarks/peers.py [--rounds 3] [--size 512]

The picture of one channel from noise, in Fourier space, by the same network (SqueezeNet 1.1, channel 61 of fire8), of
the same size, without random scaling and rotating: what one more look at the picture takes, that is, the difference
between a long run and a short one, by their looks (horama takes at least two a step). Each runs in a process of its
own, turn by turn. Wants torchvision, and of the others what is installed: torch-lucent, horama, dreamlens; what is not
is left out, and said.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from machine import describe

FEW, MANY = 4, 24
LAYER, CHANNEL = 11, 61  # fire8 is number 11 of torchvision's features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--one", metavar="WAY")
    given = parser.parse_args()
    if given.one:
        run = WAYS[given.one](given.size)
        run(2)
        times = [timed(run, steps) for steps in (FEW, MANY, FEW, MANY)]
        print((times[1] + times[3] - times[0] - times[2]) / (2 * (MANY - FEW)))
        return
    print(describe("torchvision", "torch-lucent", "horama", "dreamlens"))
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(given.rounds):
        for way, times in found.items():
            seconds = alone(way, given.size)
            if seconds is not None:
                times.append(seconds)
    ours = statistics.median(found["reverie"])
    for way, times in found.items():
        if not times:
            print(f"{way}: left out, not installed")
            continue
        step = statistics.median(times)
        spread = f"{1000 * min(times):.1f} to {1000 * max(times):.1f}"
        print(f"{way}: {1000 * step:.1f} ms a step ({spread}), {step / ours:.1f}x ours")


def alone(way: str, size: int) -> float | None:
    """Seconds a step, measured in a process of its own; None where it is not installed."""
    command = [sys.executable, __file__, "--one", way, "--size", str(size)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def timed(run: Callable[[int], object], steps: int) -> float:
    began = time.perf_counter()
    run(steps)
    return time.perf_counter() - began


def network() -> Any:
    import torchvision

    return torchvision.models.squeezenet1_1(weights=None).eval().requires_grad_(False)


def reverie(size: int) -> Callable[[int], object]:
    import reverie as rv

    model = rv.load_model("squeezenet", weights="random")
    plain: dict[str, Any] = {"rotation": 0, "scaling": 0, "jitter": 0}
    return lambda steps: rv.visualize(model, f"fire8:{CHANNEL}", size=size, steps=steps, **plain)


def lucent(size: int) -> Callable[[int], object]:
    from lucent.optvis import objectives, param, render

    module = network()
    wish = objectives.channel(f"features_{LAYER}", CHANNEL)
    picture = lambda: param.image(size, fft=True, decorrelate=True)  # noqa: E731
    options = {"transforms": [], "show_image": False, "progress": False}
    return lambda steps: render.render_vis(module, wish, picture, thresholds=(steps,), **options)


def horama(size: int) -> Callable[[int], object]:
    from horama import fourier

    module = network()
    below = module.features[: LAYER + 1]
    options = {"image_size": size, "model_input_size": size, "crops_per_iteration": 2, "device": "cpu"}
    wish = lambda images: below(images)[:, CHANNEL].mean()  # noqa: E731
    return lambda steps: fourier(wish, total_steps=steps // 2, **options)  # two looks a step are its least


def dreamlens(size: int) -> Callable[[int], object]:
    from dreamlens import FeatureVisualizer

    module = network()
    engine = FeatureVisualizer(module, quiet=True, device="cpu")
    wish = lambda found: -found[0][:, CHANNEL].mean()  # noqa: E731
    options = {"width": size, "height": size, "custom_func": wish, "transforms": lambda image: image}
    return lambda steps: engine.synthesize([module.features[LAYER]], iters=steps, **options)


WAYS: dict[str, Callable[[int], Callable[[int], object]]] = {
    "reverie": reverie,
    "torch-lucent": lucent,
    "horama": horama,
    "dreamlens": dreamlens,
}

if __name__ == "__main__":
    main()
