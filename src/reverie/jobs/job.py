"""A job is a recipe and its place; a run is a job prepared: iterate it for progress, save it for a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from reverie.models.spec import ModelSpec
from reverie.recipe.film import FilmRecipe
from reverie.recipe.recipe import AnyRecipe
from reverie.types import Image


@dataclass(frozen=True)
class Job:
    """What shall become a picture: a recipe, where the picture goes, and what the work may take.

    `target`: the picture's file; None: it stays in memory. `memory`: such as "2GB" or "auto" (half of what is free),
    from which follow tiles, or blocks on disk; None: tiles and blocks are those that the recipe says, so that the
    pixels are the same wherever it runs. `device`: "auto", "cpu", "cuda" or "mps". `allow_code`: whether a network that
    the recipe names as code ("mine.py:factory") may be imported and run; a stranger's recipe may name any code.

    >>> from pathlib import Path
    >>> import reverie as rv
    >>> job = rv.Job(rv.Recipe("examples/astronaut.jpg"), target=Path("dream.png"), memory="2GB")
    >>> job.recipe.model
    'squeezenet'
    """

    recipe: AnyRecipe
    target: Path | None = None
    memory: str | None = None
    device: str = ModelSpec.device
    allow_code: bool = False

    def __post_init__(self) -> None:
        if self.target is not None:
            object.__setattr__(self, "target", Path(self.target))


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a run is. Score and preview are computed when they are asked for, and not before.

    `share` is that of all the work, 0..1; `octave` counts from 0. `place` says in words where the run is, such as
    "octave 2/6 step 3/15"; `size` is the (height, width) that is worked at. A `milestone` is worth a line where nobody
    watches a bar: the first and the last step of an octave.

    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2", settings=rv.Settings(steps=1, octaves=1))
    >>> progress = next(iter(rv.prepare(rv.Job(recipe))))
    >>> progress.place, progress.preview(32).shape
    ('octave 1/1 step 1/1', torch.Size([1, 3, 32, 32]))
    """

    share: float
    octave: int
    octaves: int
    place: str
    size: tuple[int, int]
    milestone: bool
    measure: Callable[[], float | None]
    draw: Callable[[int], Image]

    @cached_property
    def score(self) -> float | None:
        """What the picture scored before this step; None where that is not known yet, as within a picture on disk."""
        return self.measure()

    def preview(self, longest: int) -> Image:
        """The whole picture as it is now (1, 3, h, w), no side longer than so many pixels."""
        return self.draw(longest)


@dataclass(frozen=True)
class Report:
    """What was done, in numbers.

    The scores are those of the photograph and of the finished picture, at its size; None where there is none, as that
    of a photograph which only its larger octaves could be dreamed of. `recipe` is that of the picture, as text.

    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2", settings=rv.Settings(steps=1, octaves=1))
    >>> run = rv.prepare(rv.Job(recipe))
    >>> _ = list(run)
    >>> report = run.report()
    >>> report.score_end > report.score_start
    True
    """

    output: str
    model: str
    objective: str | dict[str, str]
    score_start: float | None
    score_end: float | None
    steps: int
    octaves: int
    seconds: float
    peak_memory_bytes: int | None
    device: str
    precision: str
    recipe: str

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, in order: what `--json` prints."""
        return asdict(self)


@runtime_checkable
class Run(Protocol):
    """A job about to be done: its files are open, its network is loaded, its place is known to be good.

    Iterating it does the work; to stop is not to ask for the next. Iterated again, it goes on where it was.

    >>> import reverie as rv
    >>> recipe = rv.Recipe("examples/astronaut.jpg", objective="fire2", settings=rv.Settings(steps=1, octaves=1))
    >>> run = rv.prepare(rv.Job(recipe))
    >>> for progress in run:
    ...     print(progress.place)
    octave 1/1 step 1/1
    >>> run.image().shape
    torch.Size([1, 3, 96, 96])
    """

    @property
    def recipe(self) -> AnyRecipe | FilmRecipe:
        """The recipe, complete: what is embedded in the picture once it is finished."""

    @property
    def written_recipe(self) -> AnyRecipe | FilmRecipe:
        """The recipe of the picture as far as it is: with only the steps that were made."""

    @property
    def target(self) -> Path | None:
        """Where the picture goes."""

    @property
    def title(self) -> str:
        """What it is called where its progress is shown: the name of the photograph's file, or of the picture's."""

    @property
    def keeps_its_work(self) -> bool:
        """Whether a run that was stopped left its work on disk, for the same job to go on with."""

    def __iter__(self) -> Iterator[Progress]:
        """The work, step by step or block by block."""

    def image(self) -> Image:
        """The picture as far as it is, (1, 3, h, w)."""

    def save(self, path: Path | None = None) -> Path:
        """Writes the picture, whole or not at all, to `path` or the job's target; returns where it is.

        One that was stopped says in its recipe after how many steps.
        """

    def report(self) -> Report:
        """What was done so far."""
