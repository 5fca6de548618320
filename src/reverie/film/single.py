"""One frame of a film, as it will be in the film, as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reverie.errors import SettingsError
from reverie.film.film_job import FilmJob, FilmRun
from reverie.film.making import Made
from reverie.film.planning import prepare_film
from reverie.film.shots import Segment
from reverie.image.formats import check_output
from reverie.image.reading import Photo
from reverie.image.writing import save_image
from reverie.jobs.job import Progress
from reverie.jobs.networks import Networks
from reverie.jobs.outcomes import Watch


@dataclass(eq=False)
class FrameRun:
    """The way to one frame of a film: its shot is dreamed up to there; alone, it is dreamed as if it began one."""

    run: FilmRun
    number: int
    alone: bool = False
    made: Made | None = None

    def __post_init__(self) -> None:
        count = len(self.run.maker.timing.times)
        if not 0 <= self.number < count:
            raise SettingsError(f"the film has no frame {self.number}; expected 0 to {count - 1}")

    @property
    def title(self) -> str:
        """The name of the film."""
        return self.run.title

    def segments(self) -> list[Segment]:
        """What is to be made: all of the shot's segments up to the frame, the last one cut short."""
        shot = next(shot for shot in self.run.units() if shot[0].first <= self.number < shot[-1].first + shot[-1].count)
        if self.alone:
            return [Segment(0, self.number, 1, 0, opens=True)]
        until = [each for each in shot if each.first <= self.number]
        last = until[-1]
        return [*until[:-1], Segment(last.number, last.first, self.number - last.first + 1, last.shot, last.opens)]

    def __iter__(self) -> Iterator[Progress]:
        segments, state = self.segments(), None
        first, count = segments[0].first, sum(each.count for each in segments)
        for segment in segments:
            for made in self.run.maker.make(segment, state):
                self.made, state = made, made.state
                yield self.run.tell(made, segment, share=(made.number - first + 1) / count)


def save_frame(job: FilmJob, target: Path, number: int, alone: bool, watch: Watch | None = None) -> Path:
    """Dreams one frame of a film and writes it as a picture, with the film's recipe.

    `alone`: without the frames before it, a quick look. Raises `SettingsError` for a frame that there is not.
    """
    check_output(target, [Path(job.recipe.dream.input)])
    frame = FrameRun(prepare_film(job, models=Networks()), number, alone)
    progress: Iterable[Progress] = watch(frame) if watch else frame  # type: ignore[arg-type]  # read as a run is
    for _ in progress:
        pass
    assert frame.made is not None
    depth = 16 if frame.run.shape.depth > 8 else 8
    like = Photo(frame.made.image, frame.made.alpha, depth, None, target, "")
    save_image(like.image, target, like=like, recipe=frame.run.recipe.to_toml())
    return target
