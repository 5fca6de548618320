"""What `reverie atlas` is asked for in words."""

from __future__ import annotations

from reverie.errors import SettingsError


def numbers_of(words: str | None, count: int) -> list[int]:
    """The channels that words name among so many: "0:64", "3,17,61", or both; None: all. Raises `SettingsError`."""
    if words is None:
        return list(range(count))
    found: dict[int, None] = {}
    for part in words.split(","):
        first, colon, end = (each.strip() for each in part.partition(":"))
        texts = [each for each in (first, end) if each] if colon else [first]
        if not all(text.isdecimal() and len(text) < 10 for text in texts):
            raise SettingsError(f'channels is {words!r}; expected something like "0:64" or "3,17,61"')
        start = int(first or 0)
        stop = (int(end) if end else count) if colon else start + 1
        if not start < stop or start >= count or (stop > count and not colon):
            raise SettingsError(f"channels is {words!r}; the layer has the channels 0 to {count - 1}")
        found |= dict.fromkeys(range(start, min(stop, count)))
    return list(found)
