"""What programs can ask a studio for: each method is an endpoint, its docstring is the endpoint's description.

The text of the parameters is in Gradio's own form, from which it makes its pages and tools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from reverie.errors import SettingsError
from reverie.models.catalog import DEFAULT_MODEL
from reverie.studio.asking import DreamAsked, GuideAsked, MaskAsked, read_asked
from reverie.studio.dreaming import restyle, save_again, start_dream
from reverie.studio.filming import FilmAsked, start_film
from reverie.studio.following import tell, watch
from reverie.studio.handing import Handing
from reverie.studio.refusals import NotThere
from reverie.studio.tries import start_tries
from reverie.studio.visualizing import VisualAsked, start_visualization
from reverie.studio.workshop import Workshop


@dataclass(frozen=True)
class Endpoints:
    """The endpoints of a studio. Pictures are named by their files, by keys, or by their names in the gallery."""

    workshop: Workshop
    handing: Handing

    async def dream(
        self,
        picture: str | dict | None = None,  # type: ignore[type-arg]  # Gradio knows the bare ones
        objective: str = "",
        preset: str = "",
        model: str = DEFAULT_MODEL,
        settings: dict | None = None,  # type: ignore[type-arg]
        guides: list | None = None,  # type: ignore[type-arg]
        masks: list | None = None,  # type: ignore[type-arg]
        weights: str | dict | None = None,  # type: ignore[type-arg]
    ) -> AsyncIterator[dict[str, Any]]:
        """Makes a trained network dream into a picture, which is kept in the gallery. Tells how far it is meanwhile.

        Parameters:
            picture: The picture: a file, the key of an upload, or a name in the gallery; none: an astronaut's portrait.
            objective: What the network shall see, such as "fire8^2", "fire8:61" or "class:espresso"; see layers.
            preset: A known way to dream; see presets.
            model: The network; see networks.
            settings: Numbers by their names, such as {"steps": 20, "strength": 0.8}; see controls.
            guides: Pictures whose features are looked for, each a picture, or {"picture": ..., "weight": 0.5}.
            masks: Where to dream, each {"picture": ..., "objective": ...}: white is dreamed of, black is left alone.
            weights: A file of weights for the network, or "random".
        Returns:
            The dream's key, its state, how many wait before it, the share that is done, the place, the score; at the
            end the picture, its name in the gallery, and the command line that makes the same.
        """
        find = self.handing.find
        body = {
            "input": await run_in_threadpool(find, picture),
            "guides": [await run_in_threadpool(self.read_guide, each) for each in guides or []],
            "masks": [await run_in_threadpool(self.read_mask, each) for each in masks or []],
            "weights": weights if weights == "random" else await run_in_threadpool(find, weights),
            "objective": objective or "",
            "preset": preset or "",
            "model": model,
            "settings": settings or {},
        }
        dream = await run_in_threadpool(start_dream, read_asked(body, DreamAsked), {}, self.workshop)
        async for told in watch(dream, self.workshop):
            yield told

    async def film(
        self,
        picture: str | dict,  # type: ignore[type-arg]
        objective: str = "",
        kind: str = "film",
        model: str = DEFAULT_MODEL,
        settings: dict | None = None,  # type: ignore[type-arg]
        motion: dict | None = None,  # type: ignore[type-arg]
        wishes: list | None = None,  # type: ignore[type-arg]
        ending: str = ".mp4",
    ) -> AsyncIterator[dict[str, Any]]:
        """Dreams a film along its motion, or makes a film of a photo: a zoom into it, or a morph from wish to wish.

        Parameters:
            picture: The film, or the photo: a file, the key of an upload, or a name in the gallery.
            objective: What the network shall see, such as "fire8^2".
            kind: film, zoom or morph.
            model: The network; see networks.
            settings: Those of each frame's dream, by their names, such as {"steps": 5}; see controls.
            motion: Those of the film, the zoom or the morph, such as {"seconds": 4}; see controls.
            wishes: What a morph goes through, two objectives at least.
            ending: The kind of file, such as .mp4, .webm or .gif.
        Returns:
            What dream tells.
        """
        key = await run_in_threadpool(self.handing.need, picture)
        dreamed = {"input": key, "objective": objective or "", "model": model, "settings": settings or {}}
        body = {"dream": dreamed, "kind": kind, "motion": motion or {}, "wishes": wishes or [], "ending": ending}
        dream = await run_in_threadpool(start_film, read_asked(body, FilmAsked), {}, self.workshop)
        async for told in watch(dream, self.workshop):
            yield told

    async def resume(self, key: str) -> AsyncIterator[dict[str, Any]]:
        """Goes on with a dream that was stopped, for as long as it is in memory.

        Parameters:
            key: The dream's key.
        Returns:
            What dream tells.
        """
        dream = self.workshop.dreams.find(key)
        self.workshop.dreams.resume(dream)
        async for told in watch(dream, self.workshop):
            yield told

    async def surprise(
        self,
        picture: str | dict | None = None,  # type: ignore[type-arg]
        count: int = 9,
        seed: int = 0,
        model: str = DEFAULT_MODEL,
    ) -> AsyncIterator[dict[str, Any]]:
        """Dreams a picture small and in several ways that chance draws: a sheet to choose from. Nothing is kept.

        Parameters:
            picture: The picture: a file, the key of an upload, or a name in the gallery; none: an astronaut's portrait.
            count: How many, 1 to 24.
            seed: What chance begins from, a whole number.
            model: The network; see networks.
        Returns:
            How far it is; at the end "tries", each with its objective, its settings, and its picture as a data URL.
        """
        if not (isinstance(count, int) and isinstance(seed, int) and 1 <= count <= 24):
            raise SettingsError(f"count is {count!r}; expected 1 to 24, and a whole number as seed")
        body = read_asked({"input": await run_in_threadpool(self.handing.find, picture), "model": model}, DreamAsked)
        dream = await run_in_threadpool(start_tries, body, count, seed, self.workshop)
        async for told in watch(dream, self.workshop):
            yield {**told, "tries": dream.parts} if dream.ticket.is_over else told

    async def visualize(
        self,
        objective: str,
        model: str = DEFAULT_MODEL,
        settings: dict | None = None,  # type: ignore[type-arg]
    ) -> AsyncIterator[dict[str, Any]]:
        """Shows what a layer, a channel or a class looks like to a network, beginning from noise.

        Parameters:
            objective: What to show, such as "fire8:61" or "class:espresso"; several between semicolons.
            model: The network; see networks.
            settings: Numbers by their names, such as {"steps": 64, "size": 128}; see controls.
        Returns:
            What dream tells.
        """
        body = {"objective": objective, "model": model, "settings": settings or {}}
        dream = await run_in_threadpool(start_visualization, read_asked(body, VisualAsked), {}, self.workshop)
        async for told in watch(dream, self.workshop):
            yield told

    def stop(self, key: str) -> dict[str, Any]:
        """Stops a dream, or takes it out of the line. What is there of its picture is kept.

        Parameters:
            key: The dream's key.
        Returns:
            How it is now.
        """
        dream = self.workshop.dreams.find(key)
        self.workshop.dreams.stop(dream)
        return tell(dream, self.workshop)

    def restyle(self, key: str, strength: float = 1.0, features: float = 0.0) -> dict[str, Any]:
        """Changes how strong a finished dream is shown, without dreaming again; its file in the gallery is replaced.

        Parameters:
            key: The dream's key; only the last few are still in memory.
            strength: 0 is the photo, 1 the dream.
            features: Which sizes of features are shown, from -1, small ones, to 1, large ones; 0: all.
        Returns:
            What dream tells at its end.
        """
        dream = self.workshop.dreams.find(key)
        if not dream.ticket.is_over or dream.ticket.run is None:
            raise NotThere("this dream is not in memory any more: dream it again to change its strength")
        restyle(dream, {"strength": strength, "features": features})
        save_again(dream)
        return tell(dream, self.workshop)

    def read_guide(self, given: Any) -> GuideAsked:
        """A guide as a program says it."""
        said = given if isinstance(given, dict) and "picture" in given else {"picture": given}
        key = self.handing.need(said["picture"])
        asked: GuideAsked = read_asked({"key": key, "weight": said.get("weight", 1.0)}, GuideAsked)
        return asked

    def read_mask(self, given: Any) -> MaskAsked:
        """A mask as a program says it."""
        said = given if isinstance(given, dict) and "picture" in given else {"picture": given}
        key = self.handing.need(said["picture"])
        asked: MaskAsked = read_asked({"key": key, "objective": said.get("objective", "")}, MaskAsked)
        return asked
