"""What a dream excites, as values: `base` has the arithmetic, `parser` reads them from words.

`directions`, `guides`, `classes`, `penalties`, `masks` and `batch` are kinds of wishes.
"""
