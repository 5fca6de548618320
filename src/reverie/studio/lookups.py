"""What programs can look up in a studio: each method is an endpoint, its docstring is the endpoint's description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reverie.errors import RecipeError
from reverie.models.catalog import DEFAULT_MODEL
from reverie.models.class_names import read_imagenet_names
from reverie.recipe.film import read_any_recipe
from reverie.recipe.recipe import read_text
from reverie.studio.asking import read_asked
from reverie.studio.cards import Cards, Query
from reverie.studio.controls import describe_controls
from reverie.studio.following import watch
from reverie.studio.handing import Handing, hand_out
from reverie.studio.looking import LookAsked, start_look
from reverie.studio.networks_room import list_shelf
from reverie.studio.restoring import restore_recipe
from reverie.studio.telling import tell_recipe
from reverie.studio.workshop import Workshop


@dataclass(frozen=True)
class Lookups:
    """Endpoints that dream of nothing."""

    workshop: Workshop
    handing: Handing
    cards: Cards = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cards", Cards(self.workshop.gallery))

    async def layers(self, model: str = DEFAULT_MODEL) -> dict[str, Any]:
        """What there is to wish for in a network: its layers, and how many channels each has.

        Parameters:
            model: The network; see networks.
        Returns:
            The network's name, what it dreams of unless told, how many parameters it has, and its layers.
        """
        dream = start_look(read_asked({"model": model}, LookAsked), self.workshop)
        async for _ in watch(dream, self.workshop):
            pass
        found: dict[str, Any] = dream.result["network"]
        return found

    def classes(self, words: str = "", count: int = 50) -> list[dict[str, Any]]:
        """The classes of ImageNet, as most networks know them, to be wished for as "class:espresso".

        Parameters:
            words: What their names shall hold, such as "dog"; empty: all.
            count: How many at most.
        Returns:
            Each class's number, its names, and the objective that wishes for it.
        """
        wanted = str(words).casefold().split()
        found = [
            {"number": number, "names": names, "objective": f"class:{names.partition(',')[0]}"}
            for number, names in enumerate(read_imagenet_names())
            if all(word in names.casefold() for word in wanted)
        ]
        return found[: max(0, int(count))]

    def networks(self) -> list[dict[str, Any]]:
        """The networks that can dream here.

        Returns:
            Each one's name, what it is good for, and whether its weights are on this machine.
        """
        return list_shelf()

    def presets(self) -> dict[str, Any]:
        """Known ways to dream.

        Returns:
            By its name what each is, its settings and its objectives.
        """
        return {each["name"]: each for each in describe_controls()["presets"]}

    def controls(self) -> dict[str, Any]:
        """Every setting there is.

        Returns:
            For a dream, for what is visualized, and for films: the settings, each with its bounds and its default.
        """
        found: dict[str, Any] = describe_controls()["settings"]
        return found

    def recipe(self, picture: str | dict) -> dict[str, Any]:  # type: ignore[type-arg]
        """How a picture was made: any picture that Reverie wrote tells it.

        Parameters:
            picture: The picture: a file, the key of an upload, or a name in the gallery.
        Returns:
            The recipe as TOML, the same as facts in words, and as what can be said to dream.
        """
        upload = self.workshop.uploads.find(self.handing.need(picture))
        path = upload.path
        try:
            recipe = read_any_recipe(path)
        except RecipeError as error:
            raise RecipeError(str(error).replace(str(path), upload.name)) from None
        facts = dict(tell_recipe(recipe))
        return {"toml": read_text(path), "facts": facts, "state": restore_recipe(recipe, self.workshop)}

    def gallery(self, words: str = "", first: int = 0, count: int = 60) -> list[dict[str, Any]]:
        """What was made here, newest first.

        Parameters:
            words: What their names, objectives or networks shall hold; empty: all.
            first: How many to leave out at the beginning.
            count: How many at most.
        Returns:
            Each picture's name, size, objective and network, and when it was made.
        """
        found, _ = self.cards.search(Query(str(words)[:400]), max(0, int(first)), max(0, int(count)))
        return [{**item.describe(), **card.describe()} for item, card in found]

    def download(self, name: str) -> dict[str, Any]:
        """A picture, or a film, of the gallery.

        Parameters:
            name: Its name in the gallery.
        Returns:
            The file.
        """
        return hand_out(self.workshop.gallery.find(name).name)
