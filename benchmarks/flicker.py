"""How much less does a dreamed film flicker than its frames dreamed alone, and than plain blending?

    python benchmarks/flicker.py CLIP [--size 480] [--frames 24] [--start 0] [--drift 0] [--set carry=0.9 ...]

Flicker: the mean absolute difference between a frame and the one before, moved along the input's own flow (the finest
there is, not the film's), outside of occlusions and cuts. What is told is what is above the input's own. Three films of
the same frames: as `reverie film` dreams it, before it is encoded; every frame alone; and plain blending, where each
frame is dreamed from the mean of itself and the dream before, without flow. Blending has as many steps as give it the
film's mean score: told between the two whole numbers of steps around it, in proportion to their scores.

Sharpness: the detail against that of frames dreamed alone, by its mean absolute Laplacian and by the strength of its
finest band. Drift: how far the mean luma of the picture, less the photo's, goes from the first frame's, in percent of
white. `--drift 300` plays the frames forward and back until there are so many, and tells drift and sharpness alone.
Wanted: at most 0.60 of blending, sharpness at least 0.90, drift over 300 frames at most 1 %. `--set`: of the film.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import torch
from machine import describe

import reverie as rv
from reverie.film.film_job import FilmJob
from reverie.film.film_maker import FilmMaker, to_gray
from reverie.film.flow import FlowFinder, Motion, move_image
from reverie.film.planning import prepare_film
from reverie.film.reading.frames import read_frames
from reverie.film.reading.opening import open_film
from reverie.film.reading.survey import survey_film
from reverie.gradient.base import make_score_function
from reverie.image.pyramid import split_laplacian
from reverie.objectives.masks import compute_luma
from reverie.recipe.film import FilmRecipe
from reverie.settings.film import FilmSettings
from reverie.types import Image

WISH = "fire8^2"

MOST_STEPS = 40

SURE = 0.99
"""The trust from which on a pixel is compared with where it was."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--start", type=float, default=0, help="where in the clip to begin, in seconds")
    parser.add_argument("--drift", type=int, default=0, metavar="FRAMES")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    print(describe("av", "opencv-python-headless"))
    settings = {name: read_value(text) for name, text in (each.split("=") for each in given.set)}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_excerpt(given.clip, clip, given.start, given.frames, given.drift or given.frames)
        maker = make_maker(clip, given.size, settings)
        scene = Scene.of(maker)
        height, width = scene.photos[0].shape[2:]
        print(f"{given.clip.name}: {width} x {height}, {len(scene.photos)} frames, cuts at {list(scene.cuts)}")
        if given.drift:
            tell_drift(scene, dream_film(maker))
        else:
            compare(scene, maker, make_maker(clip, given.size, {**settings, "carry": 0.0}))


def read_value(text: str) -> float | int | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def write_excerpt(source: Path, target: Path, start: float, frames: int, count: int) -> None:
    """So many frames of a clip as a lossless one; forward and back again until there are `count`."""
    film = open_film(source)
    taken = [each.pixels for each in read_frames(film, survey_film(film), round(start * film.rate), frames)]
    way = [*range(len(taken)), *range(len(taken) - 2, 0, -1)]
    with av.open(str(target), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=film.rate.limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = *taken[0].shape[:2], "bgr0"
        for number in range(count if count > frames else len(taken)):
            pixels = taken[way[number % len(way)]]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def make_maker(clip: Path, size: int, settings: dict[str, Any]) -> FilmMaker:
    """What dreams the clip, as `reverie film` would."""
    dream = rv.Recipe(str(clip), objective=WISH, settings=rv.Settings(size=size))
    run = prepare_film(FilmJob(FilmRecipe(dream, FilmSettings(**settings)), clip.with_name("dream.mkv")))
    assert isinstance(run.maker, FilmMaker)
    return run.maker


@dataclass(frozen=True, eq=False)
class Scene:
    """The input: its frames at the size of the dream, the motion to each from the one before, and where cuts are."""

    photos: Sequence[Image]
    motions: Sequence[Motion]
    cuts: Sequence[int]

    @classmethod
    def of(cls, maker: FilmMaker) -> Scene:
        photos = [maker.resize_eye(each.image) for each in read_frames(maker.film, maker.survey)]
        grays, finder = [to_gray(photo) for photo in photos], FlowFinder("fine")
        motions = [finder.find_motion(before, after) for before, after in pairwise(grays)]
        return cls(photos, motions, maker.survey.cuts)

    @property
    def carried(self) -> list[int]:
        """The frames that follow another of their shot."""
        return [number for number in range(1, len(self.photos)) if number not in self.cuts]

    def measure_flicker(self, pictures: Sequence[Image]) -> float:
        differences = []
        for number in self.carried:
            motion = self.motions[number - 1]
            sure = torch.from_numpy(motion.trust > SURE)
            moved = move_image(pictures[number - 1], motion)
            differences.append(float((pictures[number] - moved)[..., sure].abs().mean()))
        return statistics.mean(differences)

    def measure_sharpness(self, pictures: Sequence[Image], frames: Sequence[int]) -> tuple[float, float]:
        """Of the detail: the mean absolute Laplacian, and the root mean square of the finest band."""
        details = [pictures[number] - self.photos[number] for number in frames]
        return (
            statistics.mean(float(measure_laplacian(detail)) for detail in details),
            statistics.mean(float(split_laplacian(detail, 5)[0].square().mean().sqrt()) for detail in details),
        )

    def measure_drift(self, pictures: Sequence[Image]) -> float:
        """How far the mean luma, less the photo's, goes from the first frame's; in percent of white."""
        means = [
            float(compute_luma(one).mean() - compute_luma(other).mean())
            for one, other in zip(pictures, self.photos, strict=True)
        ]
        return 100 * max(abs(mean - means[0]) for mean in means)


def measure_laplacian(detail: Image) -> torch.Tensor:
    light = compute_luma(detail)
    inner = light[..., 1:-1, 1:-1]
    around = light[..., :-2, 1:-1] + light[..., 2:, 1:-1] + light[..., 1:-1, :-2] + light[..., 1:-1, 2:]
    return (around - 4 * inner).abs().mean()


def dream_film(maker: FilmMaker) -> list[Image]:
    """The film's pictures, before they are encoded."""
    pictures, state = [], None
    for segment in maker.segments:
        for made in maker.make(segment, None if segment.opens else state):
            pictures.append(made.image)
            state = made.state
    return pictures


def blend_film(maker: FilmMaker, scene: Scene, steps: int) -> list[Image]:
    """Each frame dreamed from the mean of itself and the dream before; a cut is begun anew."""
    pictures: list[Image] = []
    dreamer = maker.carrier.dreamer
    for number, photo in enumerate(scene.photos):
        begin = torch.lerp(photo, pictures[-1], 0.5) if number in scene.carried else photo
        pictures.append(dreamer.dream(begin, None, maker.schedule.at(number), {"steps": steps}))
    return pictures


@dataclass(frozen=True)
class Measured:
    """A film's numbers: its flicker above the input's own, its mean score in float32, and its sharpness twice."""

    flicker: float
    score: float
    laplacian: float
    finest: float

    def toward(self, other: Measured, share: float) -> Measured:
        mine, theirs = vars(self), vars(other)
        return Measured(**{name: mine[name] + share * (theirs[name] - mine[name]) for name in mine})


class Meter:
    """Measures films of one scene, without the first frames of shots, which are dreamed alone in all of them."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.own = scene, scene.measure_flicker(scene.photos)
        self.score = make_score_function(rv.load_model(rv.ModelSpec(precision="float32")), WISH)

    def measure(self, pictures: Sequence[Image]) -> Measured:
        with torch.no_grad():
            score = statistics.mean(float(self.score(pictures[number])) for number in self.scene.carried)
        sharp = self.scene.measure_sharpness(pictures, self.scene.carried)
        return Measured(self.scene.measure_flicker(pictures) - self.own, score, *sharp)


def compare(scene: Scene, maker: FilmMaker, alone: FilmMaker) -> None:
    meter = Meter(scene)
    pictures = dream_film(maker)
    film, single = meter.measure(pictures), meter.measure(dream_film(alone))
    blended, steps = blend_alike(maker, meter, film.score)
    print(
        f"flicker: the input's own {meter.own:.4f}; above it the film {film.flicker:.4f}, "
        f"blending {blended.flicker:.4f} ({steps}), every frame alone {single.flicker:.4f}"
    )
    print(
        f"  the film by blending {film.flicker / blended.flicker:.2f} (wanted: at most 0.60), "
        f"by every frame alone {film.flicker / single.flicker:.2f}"
    )
    for name, each in (("film", film), ("blending", blended)):
        sharp = f"{each.laplacian / single.laplacian:.2f}, finest band {each.finest / single.finest:.2f}"
        print(f"{name} by single dreams: sharpness {sharp}, score {each.score / single.score:.2f}")
    print(f"drift of brightness: {scene.measure_drift(pictures):.2f} % of white")


def blend_alike(maker: FilmMaker, meter: Meter, score: float) -> tuple[Measured, str]:
    """Blending at the score of the film, and the steps it took."""
    found: dict[int, Measured] = {}

    def at(steps: int) -> Measured:
        if steps not in found:
            found[steps] = meter.measure(blend_film(maker, meter.scene, steps))
        return found[steps]

    steps = maker.settings.frame_steps + 1
    while at(steps).score > score and steps > 1:
        steps -= 1
    while at(steps).score <= score and steps < MOST_STEPS:
        steps += 1
    if steps == 1 or at(steps).score <= score:
        return at(steps), f"{steps} steps, which do not meet the score"
    below, above = at(steps - 1), at(steps)
    share = (score - below.score) / (above.score - below.score)
    return below.toward(above, share), f"{steps - 1 + share:.1f} steps"


def tell_drift(scene: Scene, pictures: Sequence[Image]) -> None:
    ends, first = scene.carried[-len(scene.photos) // 10 :], [0, *scene.cuts]
    last, single = scene.measure_sharpness(pictures, ends), scene.measure_sharpness(pictures, first)
    strength = [float((pictures[number] - scene.photos[number]).std()) for number in (*first, *ends)]
    contrast = statistics.mean(strength[len(first) :]) / statistics.mean(strength[: len(first)])
    print(f"drift of brightness: {scene.measure_drift(pictures):.2f} % of white (wanted: at most 1)")
    print(
        f"the last tenth by the first frame, which is dreamed alone: contrast {contrast:.2f}, "
        f"sharpness {last[0] / single[0]:.2f}, finest band {last[1] / single[1]:.2f}"
    )


if __name__ == "__main__":
    main()
