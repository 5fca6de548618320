"""What is written beside each picture of the gallery: its size and its wish, read once for every file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reverie.errors import ReverieError
from reverie.image.opening import open_picture
from reverie.image.reading import read_orientation
from reverie.recipe.film import KINDS, read_toml
from reverie.recipe.recipe import read_text

if TYPE_CHECKING:
    from reverie.studio.gallery import Gallery, Item

AT_ONCE = 16
"""How many files are read in one piece of work in the background."""


@dataclass(frozen=True)
class Card:
    """What is known of an item. `kind` is its recipe's, empty for one without; `size` (height, width), of a picture."""

    kind: str = ""
    wish: str = ""
    model: str = ""
    size: tuple[int, int] | None = None

    def describe(self) -> dict[str, object]:
        """What a page knows of it."""
        height, width = self.size or (None, None)
        return {"kind": self.kind, "wish": self.wish, "model": self.model, "height": height, "width": width}


@dataclass(frozen=True)
class Query:
    """What is looked for: `words`, each somewhere in the name, the wish or the network; "pictures", "films" or all."""

    words: str = ""
    kind: str = ""

    def admits(self, item: Item) -> bool:
        """Whether an item is of the kind."""
        return not self.kind or item.film == (self.kind == "films")

    def finds(self, item: Item, card: Card) -> bool:
        """Whether all words are there."""
        text = f"{item.name} {card.wish} {card.model}".casefold()
        return all(word in text for word in self.words.casefold().split())


class Cards:
    """The cards of a gallery's items. A file is read again once its time or its length is another."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self._known: dict[str, tuple[tuple[float, int], Card]] = {}

    def find(self, item: Item) -> Card:
        """The card of an item."""
        stamp = item.made, item.bytes
        known = self._known.get(item.name)
        if known is None or known[0] != stamp:
            known = stamp, read_card(self.gallery.folder / item.name, item.film)
            self._known[item.name] = known
        return known[1]

    def search(self, query: Query, first: int, count: int) -> tuple[list[tuple[Item, Card]], int]:
        """So many of the items that a query finds, newest first, with their cards; and how many it finds."""
        items = [each for each in self.gallery.find_items() if query.admits(each)]
        if query.words.strip():
            items = [each for each in items if query.finds(each, self.find(each))]
        return [(each, self.find(each)) for each in items[first : first + count]], len(items)

    def fill(self) -> Iterator[None]:
        """Reads all cards, a few at a time, so that the first search need not."""
        items = self.gallery.find_items()
        for begin in range(0, len(items), AT_ONCE):
            for each in items[begin : begin + AT_ONCE]:
                self.find(each)
            yield


def read_card(path: Path, film: bool) -> Card:
    """The card of a file; an empty one where it tells nothing."""
    size = None if film else read_size(path)
    try:
        table = read_toml(read_text(path))
    except (ReverieError, OSError):
        return Card(size=size)
    kind = next((name for name in KINDS if name in table), "visualize" if "visualize" in table else "dream")
    return Card(kind, find_wish(table), str(table.get("model", "")), size)


def find_wish(table: dict[str, Any]) -> str:
    """What the table of a recipe wishes for, in words; wishes of several masks one after another."""
    words = table.get("visualize") or table.get("objective")
    masks = table.get("masks")
    if words or not isinstance(masks, list):
        return str(words or "")
    return "; ".join(str(each.get("objective", "")) for each in masks if isinstance(each, dict))


def read_size(path: Path) -> tuple[int, int] | None:
    """The height and the width of a picture as it is shown, None where it cannot be read."""
    try:
        picture = open_picture(path)
    except ReverieError:
        return None
    size = picture.height, picture.width
    return size if read_orientation(picture) < 5 else (size[1], size[0])
