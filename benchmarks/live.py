"""How many frames a second does a camera's dream keep up with, where does the time go, and how quiet is it?

    python benchmarks/live.py CLIP [--frames 60] [--start 0] [--rounds 3] [--still 200] [--wish fire8^2]

The first: a clip's frames one after another, at 320 and at 640 pixels, with one step a frame and with one at each
octave: milliseconds a frame, their parts, and the frames a second that these make; then at `LiveSettings.rate` with as
many steps as there is time for. Wanted: at 320 at least 8 frames a second with a step at each octave, 15 with bfloat16
processors. The best of the rounds is told, and the median frame of it. Nothing else should run meanwhile.

The second: a frame of the clip, again and again, with a camera's noise of two shades in 255. Flicker: the mean absolute
difference of two frames that follow each other, in shades, above that of the input. Drift: how far the dream's contrast
goes from that of frame 20, and its mean luma from the frame's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from numpy.typing import NDArray

import reverie as rv
from reverie.ascent.octaves import plan_octaves
from reverie.film.live_motion import fit_frame
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film

Frames = Sequence[NDArray[np.uint8]]

NOISE = 2.0

SETTLED = 20
"""The frame from which on a dream is as strong as it becomes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--start", type=float, default=0, help="where in the clip to begin, in seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--still", type=int, default=200, help="how often one frame is dreamed")
    parser.add_argument("--wish", default="fire8^2")
    given = parser.parse_args()
    print(describe("opencv-python-headless"))
    frames = read_clip(given.clip, given.start, given.frames)
    for precision in ("auto", "float32"):
        model = rv.load_model(rv.ModelSpec(precision=precision))
        print(model)
        for size in (320, 640):
            tell_speed(rv.LiveDreamer(model, given.wish), frames, size, given.rounds)
    tell_rest(rv.load_model(), given.wish, frames[0], given.still)


def read_clip(path: Path, start: float, count: int) -> Frames:
    """Frames of a clip, cut to 4:3, as cameras have it."""
    film = open_film(path)
    frames = []
    for each in read_frames(film, survey_film(film), round(start * film.rate), count):
        pixels = (each.image[0].permute(1, 2, 0) * 255).round().byte().numpy()
        width = min(pixels.shape[1], pixels.shape[0] * 4 // 3)
        left = (pixels.shape[1] - width) // 2
        frames.append(np.ascontiguousarray(pixels[:, left : left + width]))
    return frames


def tell_speed(dreamer: rv.LiveDreamer, frames: Frames, size: int, rounds: int) -> None:
    height, width = fit_frame(frames[0], size).shape[:2]
    octaves = len(plan_octaves((height, width), rv.Settings()))
    for steps in (1, octaves, None):
        dreamer.change(live=rv.LiveSettings(size=size, steps=steps))
        found = min((time_frames(dreamer, frames) for _ in range(rounds)), key=lambda each: each["all"])
        parts = ", ".join(f"{part} {found[part]:.1f}" for part in dreamer.milliseconds)
        wanted = f"as many steps as {dreamer.live.rate:.0f} a second allow" if steps is None else f"{steps} steps"
        print(
            f"  {width} x {height}, {wanted}: {1000 / found['all']:.1f} frames a second, {found['taken']:.1f} steps, "
            f"{found['all']:.1f} ms a frame, slowest tenth {found['slow']:.1f} ms ({parts})"
        )


def time_frames(dreamer: rv.LiveDreamer, frames: Frames) -> dict[str, float]:
    """Milliseconds of the median frame and of its parts, when all sizes are known."""
    dreamer.restart()
    taken: dict[str, list[float]] = {"all": [], "taken": []}
    for frame in frames:
        began = time.perf_counter()
        dreamer.dream(frame)
        taken["all"].append(1000 * (time.perf_counter() - began))
        taken["taken"].append(dreamer.steps_taken)
        for part, milliseconds in dreamer.milliseconds.items():
            taken.setdefault(part, []).append(milliseconds)
    settled = {name: each[len(each) // 4 :] for name, each in taken.items()}
    found = {name: statistics.median(each) for name, each in settled.items()}
    return found | {"slow": float(np.percentile(settled["all"], 90)), "taken": statistics.mean(settled["taken"])}


def tell_rest(model: Any, wish: str, frame: NDArray[np.uint8], count: int) -> None:
    """Tells how quiet the dream of a camera at rest is, of 3 steps a frame, so that no clock has a part in it."""
    dreamer, chance = rv.LiveDreamer(model, wish, live=rv.LiveSettings(steps=3)), np.random.default_rng(0)
    frame = fit_frame(frame, 320)
    flicker, own, details = [], [], []
    before = None
    for _ in range(count):
        noisy = np.clip(frame + chance.normal(0, NOISE, frame.shape), 0, 255).astype(np.uint8)
        now = noisy.astype(np.float32), dreamer.dream(noisy).astype(np.float32)
        details.append((now[1] - now[0]) / 255)
        if before is not None:
            own.append(float(np.abs(now[0] - before[0]).mean()))
            flicker.append(float(np.abs(now[1] - before[1]).mean()))
        before = now
    contrasts = [float(each.std()) for each in details[SETTLED:]]
    seen, noise = statistics.mean(flicker[SETTLED:]), statistics.mean(own)
    moved = 100 * max(abs(float(each.mean())) for each in details)
    print(
        f"a camera at rest, {count} frames: flicker {seen:.2f} of 255, the input's own {noise:.2f}, "
        f"above it {seen - noise:.2f}"
    )
    print(
        f"  contrast of the dream {contrasts[0]:.3f}, at the end {contrasts[-1]:.3f} ({min(contrasts):.3f} to "
        f"{max(contrasts):.3f}); mean luma moved by {moved:.2f} % of white"
    )


if __name__ == "__main__":
    main()
