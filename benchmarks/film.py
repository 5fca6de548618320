"""What does a dreamed film cost beside its gradient steps, and what does a step cost at a size that is met again?

    python benchmarks/film.py CLIP [--size 640] [--frames 24] [--start 0] [--rounds 3]

The first: seconds a frame of the whole film (reading, flow, dream, holding, encoding, joining), for each kind of flow,
against the bare gradients of just the steps it took, at their sizes and in their order, the two by turns in one
process. Wanted: at most 1.15 with the flow at half size (fast), at most 1.25 with medium. The second: the first step at
an octave's size against the steps that follow it there, when the size is new and when it is met again.
Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from flicker import WISH, write_excerpt
from machine import describe

import reverie as rv
from reverie.ascent.octaves import octave_sizes
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.planning import prepare_film
from reverie.image.resample import resize
from reverie.jobs.memory_run import MemoryRun
from reverie.models.networks.layers import Convolution
from reverie.recipe.film import FilmRecipe
from reverie.settings.film import FilmSettings, Flow
from reverie.types import Image

FLOWS: tuple[tuple[Flow, float], ...] = (("fast", 1.15), ("medium", 1.25))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--start", type=float, default=0, help="where in the clip to begin, in seconds")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(describe("av", "opencv-python-headless"))
    models = rv.Networks()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_excerpt(given.clip, clip, given.start, given.frames, given.frames)
        photo = against_its_steps(clip, given.size, given.rounds, models)
    at_sizes_met_again(photo)


def against_its_steps(clip: Path, size: int, rounds: int, models: rv.Networks) -> Image:
    """Tells what films cost, and returns a picture of the film's size."""
    ratios: dict[str, list[float]] = {flow: [] for flow, _ in FLOWS}
    make_film(clip, size, "fast", models)  # so that all is loaded
    for _ in range(rounds):
        for flow, _ in FLOWS:
            with count_steps() as taken:
                began = time.perf_counter()
                run = make_film(clip, size, flow, models)
                whole = time.perf_counter() - began
            bare = time_steps(run, taken, models)
            ratios[flow].append(whole / bare)
            frames = len(run.maker.timing.times)
            print(f"  {flow}: {whole / frames:.3f} s a frame, its {len(taken)} gradients alone {bare / frames:.3f} s")
    height, width = run.maker.size
    for flow, most in FLOWS:
        found = ratios[flow]
        print(
            f"{width} x {height}, {frames} frames, --flow {flow}: {statistics.median(found):.2f}x its gradients "
            f"({min(found):.2f} to {max(found):.2f}; wanted: at most {most})"
        )
    return run.image()


def make_film(clip: Path, size: int, flow: Flow, models: rv.Networks) -> FilmRun:
    """A whole film, on disk."""
    dream = rv.Recipe(str(clip), objective=WISH, settings=rv.Settings(size=size))
    job = FilmJob(FilmRecipe(dream, FilmSettings(flow=flow)), clip.with_name("dream.mp4"), clean=True)
    run = prepare_film(job, models=models)
    for _ in run:
        pass
    run.save()
    return run


@contextmanager
def count_steps() -> Iterator[list[tuple[int, ...]]]:
    """The sizes of the pictures of all steps that are taken meanwhile, in order."""
    taken: list[tuple[int, ...]] = []
    steps = MemoryRun.steps

    def count(self: MemoryRun) -> Iterator[object]:
        for step in steps(self):
            taken.append(tuple(step.image.shape[-2:]))
            yield step

    MemoryRun.steps = count  # type: ignore[method-assign,assignment]
    try:
        yield taken
    finally:
        MemoryRun.steps = steps  # type: ignore[method-assign]


def time_steps(run: FilmRun, taken: list[tuple[int, ...]], models: rv.Networks) -> float:
    """Seconds of bare gradients at these sizes."""
    gradient = rv.gradient_of(models.load_of(run.recipe.dream), WISH)
    photo = run.image()
    photos = {size: resize(photo, (size[0], size[1])).clamp(0, 1) for size in set(taken)}
    return timed(lambda: [gradient(photos[size]) for size in taken])


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def at_sizes_met_again(photo: Image, visits: int = 6, steps: int = 4) -> None:
    gradient, packed = rv.gradient_of(rv.load_model(), WISH), count_packings()
    sizes = octave_sizes((photo.shape[-2], photo.shape[-1]), None, rv.Settings().octave_scale)
    ratios: dict[str, list[float]] = {"new": [], "met again": []}
    made = {"new": 0, "met again": 0}
    for visit in range(visits):
        for size in sizes:
            before, name = len(packed), "met again" if visit else "new"
            image = resize(photo, size).clamp(0, 1)
            first, *rest = (timed(lambda: gradient(image)) for _ in range(steps))  # noqa: B023
            ratios[name].append(first / statistics.median(rest))
            made[name] += len(packed) - before
    for name, found in ratios.items():
        print(
            f"the first step at a size that is {name}: {statistics.median(found):.2f}x the next ones, "
            f"{made[name] / len(found):.0f} weights packed"
        )


def count_packings() -> list[str]:
    """A list that grows with every packing of a convolution's weights, from now on."""
    made: list[str] = []
    pack = Convolution._pack_for

    def count(self: Convolution, direction: str, size: torch.Size) -> torch.Tensor:
        made.append(direction)
        return pack(self, direction, size)

    Convolution._pack_for = count  # type: ignore[method-assign]
    return made


if __name__ == "__main__":
    main()
