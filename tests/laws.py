"""Laws that every dream on disk keeps, whatever it wishes for."""

from __future__ import annotations

import random
from dataclasses import replace

from reverie.ascent.ondisk.passes import Pass


def blocks_are_the_same_whoever_dreams_them(one: Pass) -> None:
    places = list(one.places())
    for place in places:
        one.dream(*place)
    once = {place: one.block(*place).path.read_bytes() for place in places}
    one.work.drop("*block*", "*scales*")
    random.Random(1).shuffle(places)
    another = replace(one)
    for place in places:
        another.dream(*place)
    assert once == {place: another.block(*place).path.read_bytes() for place in places}
