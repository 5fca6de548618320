"""A film about to be made: its recipe, its place, and the run that the one door's manner gives it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reverie._native.memory import peak_memory
from reverie.errors import RecipeError
from reverie.film.making import Made, Maker
from reverie.film.shots import Segment, list_shots
from reverie.film.writing.encoding import SegmentEncoder
from reverie.film.writing.formats import FilmFormat, FrameShape
from reverie.film.writing.joining import join_film
from reverie.film.writing.segments import Reel
from reverie.film.writing.soundtrack import Excerpt
from reverie.film.writing.store import SegmentStore
from reverie.image.film_text import read_film_text
from reverie.image.resample import limit_longest_side
from reverie.jobs.job import Progress, Report
from reverie.models.spec import ModelSpec
from reverie.recipe.film import FilmRecipe
from reverie.types import Image

log = logging.getLogger("reverie")


@dataclass(frozen=True)
class FilmJob:
    """What shall become a film: a recipe, and where the film goes.

    `memory`, `device` and `allow_code` are as for `Job`. `keep`: the finished segments stay in the work folder beside
    the film. `clean`: what an earlier call left there is not gone on with.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> recipe = rv.FilmRecipe(rv.Recipe("cat.mp4", objective="fire8^2"), rv.FilmSettings(carry=0.8))
    >>> rv.FilmJob(recipe, Path("dream.mp4"), memory="2GB").target.name
    'dream.mp4'
    """

    recipe: FilmRecipe
    target: Path
    memory: str | None = "auto"
    device: str = ModelSpec.device
    allow_code: bool = False
    keep: bool = False
    clean: bool = False


@dataclass(eq=False)
class FilmRun:
    """A film about to be made, segment by segment; what is finished is on disk, and gone on with after a stop.

    Iterating it does the work, frame by frame; `save` joins the segments into the film.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> few = rv.Settings(size=64, steps=1, octaves=1)
    >>> wish = rv.Recipe("examples/astronaut.jpg", objective="fire2^2", settings=few)
    >>> recipe = rv.FilmRecipe(wish, rv.ZoomSettings(seconds=0.2, frame_steps=1))
    >>> run = rv.prepare_film(rv.FilmJob(recipe, Path("zoom.webm")))
    >>> for progress in run:
    ...     pass
    >>> f"{progress.share:.0%}", tuple(progress.preview(32).shape)
    ('100%', (1, 3, 32, 32))
    >>> rv.read_film_recipe(run.save()) == run.recipe
    True
    """

    job: FilmJob
    recipe: FilmRecipe
    maker: Maker
    format: FilmFormat
    shape: FrameShape
    excerpt: Excerpt | None = None
    sphere: str = ""
    notes: dict[str, str] = field(default_factory=dict)
    """What was found out about the film before, kept beside its segments."""
    flash: float | None = None
    """How much its input flashes."""
    keeps_its_work = True
    taken = 0
    _seconds = 0.0
    _last: Made | None = None

    @property
    def target(self) -> Path:
        """Where the film goes."""
        return self.job.target

    @property
    def title(self) -> str:
        """What it is called where its progress is shown."""
        return Path(self.recipe.dream.input).name

    @property
    def written_recipe(self) -> FilmRecipe:
        """The recipe that the film holds."""
        return self.recipe

    @property
    def store(self) -> SegmentStore:
        """The work folder beside the film."""
        return SegmentStore.beside(self.target, self.recipe.to_toml())

    @property
    def is_finished(self) -> bool:
        """Whether the film is there already, made by this very recipe."""
        try:
            return not self.job.clean and read_film_text(self.target) == self.recipe.to_toml()
        except RecipeError:
            return False

    def __iter__(self) -> Iterator[Progress]:
        if self.is_finished:
            log.info("%s is there already, made by this recipe: --clean makes it anew", self.target)
            return
        store = self.store
        with store.held(), say_once():
            if self.job.clean:
                store.finish(keep=False)
            if store.open(needed=0):
                done = sum(store.has(segment.number) for segment in self.maker.segments)
                log.info("%s: goes on; %d of %d parts are done", self.target, done, len(self.maker.segments))
            for name, text in self.notes.items():
                store.note(name, text)
            for segment in self.maker.segments:
                if not store.has(segment.number):
                    yield from self.make_segment(store, segment)

    def make_segment(self, store: SegmentStore, segment: Segment) -> Iterator[Progress]:
        """Makes one segment and keeps it, with what the next one begins from."""
        state = None if segment.opens else store.state(segment.number - 1)
        times = self.maker.timing.times
        with SegmentEncoder(store.segment_path(segment.number), self.format, self.shape) as encoder:
            made, pictures = None, self.maker.make(segment, state)
            while True:
                began = time.monotonic()
                made = next(pictures, None)
                if made is None:
                    break
                encoder.write(made.image, made.alpha, times[made.number] - times[0])
                self._seconds += time.monotonic() - began
                self._last, self.taken = made, self.taken + 1
                yield self.tell(made, segment)
        assert self._last is not None  # a segment has frames
        following = self.maker.segments[segment.number + 1 : segment.number + 2]
        goes_on = bool(following) and not following[0].opens
        store.keep(segment.number, self._last.state if goes_on else None)
        if not segment.opens:  # what this one began from is needed no more, and is large
            store.keep(segment.number - 1, None)

    def tell(self, made: Made, segment: Segment, share: float | None = None) -> Progress:
        """How far the film is after a picture; `share` of what is asked for, unless that is the whole film."""
        count, shots = len(self.maker.timing.times), self.maker.segments[-1].shot + 1
        where = f"frame {made.number + 1}/{count}" + (f", shot {segment.shot + 1}/{shots}" if shots > 1 else "")
        ends = made.number in (segment.first, segment.first + segment.count - 1)
        return Progress(
            share=(made.number + 1) / count if share is None else share,
            octave=segment.shot,
            octaves=shots,
            place=where,
            size=self.maker.size,
            milestone=ends,
            measure=lambda: None,
            draw=lambda longest: limit_longest_side(made.image, longest),
        )

    def units(self) -> Sequence[Sequence[Segment]]:
        """The shots, each the segments that follow one another: a piece of work that needs none of the others."""
        return list_shots(self.maker.segments)

    def image(self) -> Image:
        """The picture that was made last, (1, 3, h, w)."""
        if self._last is None:
            segment = self.maker.segments[0]
            self._last = next(iter(self.maker.make(segment, None)))
        return self._last.image

    def save(self, path: Path | None = None) -> Path:
        """Joins the segments into the film, whole or not at all, at `path` or the job's target."""
        if path is None and self.is_finished:
            return self.target
        store, timing = self.store, self.maker.timing
        segments = [store.segment_path(segment.number) for segment in self.maker.segments]
        reel = Reel(segments, self.format, self.shape, timing.end - timing.times[0])
        with store.held():
            join_film(path or self.target, reel, self.recipe.to_toml(), self.excerpt, self.sphere)
            store.finish(self.job.keep)
        return path or self.target

    def report(self) -> Report:
        """What was done by this call."""
        dream = self.recipe.dream
        return Report(
            output=str(self.target),
            model=dream.model,
            objective=dream.wishes,
            score_start=None,
            score_end=None,
            steps=dream.settings.steps,
            octaves=dream.settings.octaves or 0,
            seconds=round(self._seconds, 3),
            peak_memory_bytes=peak_memory(),
            device=self.job.device,
            precision=dream.precision,
            recipe=self.recipe.to_toml(),
        )


@contextmanager
def say_once() -> Iterator[None]:
    """What is said of every frame alike, as of a mask that is stretched, is said once."""
    said = set[str]()

    def is_new(record: logging.LogRecord) -> bool:
        known = record.getMessage() in said
        said.add(record.getMessage())
        return not known

    log.addFilter(is_new)
    try:
        yield
    finally:
        log.removeFilter(is_new)
