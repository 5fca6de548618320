"""One frame's dream, through the one door."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reverie.film.freshness import confine_wish
from reverie.film.keyframes.moments import MaskShare, Moment
from reverie.image.reading import Photo
from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.jobs.networks import Networks
from reverie.objectives.base import Objective
from reverie.objectives.masks import Mask, Regions
from reverie.objectives.parser import objective as parse_objective
from reverie.recipe.inputs import read_region
from reverie.recipe.recipe import Recipe, RegionWish
from reverie.types import Image

KEPT_WISHES = 8
"""How many wishes are kept as they were read: their guides, masks and classes are looked up once."""

Wish = Objective | Regions


@dataclass(eq=False)
class FrameDreamer:
    """Dreams frames by one complete recipe. The network is loaded once, wishes are read once.

    `files`: the digests of what keyframes name.
    """

    recipe: Recipe
    models: Networks
    device: str
    allow_code: bool = False
    files: dict[str, str] = field(default_factory=dict)
    _wishes: OrderedDict[Any, Wish] = field(default_factory=OrderedDict)

    def dream(
        self,
        photo: Image,
        detail: Image | None,
        moment: Moment,
        changed: dict[str, Any],
        where: Mask | None = None,
    ) -> Image:
        """The dream (1, 3, h, w) of a photo of that size, which begins from a detail; on the CPU.

        `changed`: settings that are other than the recipe's and the moment's. `where` (1, 1, h, w): a mask outside of
        which the photo is left as it is.
        """
        # The photo has the size of the dream; of a stereo film's, it is a half.
        settings = replace(self.recipe.settings, **{**moment.settings, **changed, "size": None, "strength": 1.0})
        recipe = replace(self.recipe, settings=settings)
        if moment.objective is not None:
            recipe = replace(recipe, objective=moment.objective, masks=())
        if moment.masks == ():  # no region is there: nothing is dreamed
            return photo
        wish = self.read_wish(recipe, moment)
        if where is not None:
            wish = confine_wish(wish, where, settings)
            recipe = replace(recipe, settings=replace(settings, feather=0))
        job = Job(recipe, device=self.device, allow_code=self.allow_code)
        opened = Photo(photo, None, 8, None, Path(recipe.input), recipe.input_sha256)
        run = prepare(job, models=self.models, photo=opened, detail=detail, wish=wish)
        for _ in run:
            pass
        return run.image().cpu()

    def read_wish(self, recipe: Recipe, moment: Moment) -> Wish:
        """What is dreamed of at a moment; what was read lately is not read again."""
        if moment.masks is not None:
            return Regions(tuple(region for each in moment.masks for region in self.read_share(each).regions))
        if recipe.masks:
            return Regions(tuple(region for each in recipe.masks for region in self.keep(each).regions))
        wish: Wish = self.keep(recipe.objective)
        return wish

    def read_share(self, share: MaskShare) -> Regions:
        """A mask as much as it is there at a moment."""
        whole = self.keep(RegionWish(share.file, self.files.get(share.file, ""), share.objective))
        assert isinstance(whole, Regions)
        return Regions(tuple((own, mask * share.share) for own, mask in whole.regions))

    def keep(self, said: str | RegionWish) -> Any:
        """A wish in words, or a mask with its own, as it was read."""
        if said not in self._wishes:
            self._wishes[said] = read_region(said) if isinstance(said, RegionWish) else parse_objective(said)
            while len(self._wishes) > KEPT_WISHES:
                self._wishes.popitem(last=False)
        self._wishes.move_to_end(said)
        return self._wishes[said]
