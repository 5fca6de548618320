"""Several wishes: said in one text, and blended over a grid."""

from __future__ import annotations

from collections.abc import Sequence

from reverie.errors import SettingsError, WordingError
from reverie.objectives.base import Objective
from reverie.objectives.parser import objective
from reverie.settings.size import parse_shape

MOST_PICTURES = 400
"""The most pictures of one grid: they are climbed together."""


def read_wishes(words: str) -> list[Objective]:
    """The objectives of a text, one or several between semicolons: "fire8:61; class:espresso".

    Raises `WordingError`.
    """
    found = [objective(each) for each in split_wishes(words) if each.strip()]
    if not found:
        raise WordingError("no wish: expected something like fire8:61, or several as in fire8:61; class:espresso")
    return found


def split_wishes(words: str) -> list[str]:
    """The texts between semicolons, but for those within quotes."""
    parts, quoted = [""], False
    for letter in words:
        quoted ^= letter == '"'
        if letter == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def blend_objectives(corners: Sequence[Objective | str], grid: tuple[int, int]) -> list[Objective]:
    """Objectives between two or four others, row by row, whose weights go from corner to corner in even steps.

    Args:
        corners: two, of the two ends of a single row or column; or four, of the upper left, upper right, lower left and
            lower right corner. As objectives or in words.
        grid: how many (rows, columns).

    Give them to `visualize` together. With `shared` the pictures keep what they can alike, so that one sees the
    features change and not their places.

    Raises `SettingsError` for another number of corners or a grid without room for them, `WordingError`.

    After lucid's notebook on interpolating between neurons; see "Feature Visualization" (Olah et al., 2017).

    >>> import reverie as rv
    >>> for each in rv.blend_objectives(["fire8:3", "fire8:61"], (1, 3)):
    ...     print(each)
    fire8:3
    0.5*fire8:3 + 0.5*fire8:61
    fire8:61
    """
    found = [objective(each) if isinstance(each, str) else each for each in corners]
    rows, columns = grid
    check_grid(len(found), rows, columns)
    # Two wishes are the ends of a row or of a column: the lower left is the end of the latter.
    upper_left, upper_right, lower_left, lower_right = found if len(found) == 4 else [*found, *found[::-1]]
    return [
        sum_weighted(
            [
                ((1 - down) * (1 - right), upper_left),
                ((1 - down) * right, upper_right),
                (down * (1 - right), lower_left),
                (down * right, lower_right),
            ]
        )
        for down in even_shares(rows)
        for right in even_shares(columns)
    ]


def read_grid(words: str) -> tuple[int, int]:
    """The (rows, columns) of a grid in words, such as "1x5"; raises `SettingsError`."""
    grid = parse_shape(words)
    if grid is None:
        raise SettingsError(f"grid is {words!r}; expected rows x columns as in 1x5")
    return grid


def check_grid(corners: int, rows: int, columns: int) -> None:
    """Raises `SettingsError` for a grid that has not one place for each corner, or too many places."""
    if corners not in (2, 4):
        raise SettingsError(f"a grid between {corners} wishes; expected two, its ends, or four, its corners")
    fits = min(rows, columns) == 1 < max(rows, columns) if corners == 2 else min(rows, columns) >= 2
    if not fits or rows * columns > MOST_PICTURES:
        expected = "1xN or Nx1 between two wishes, N from 2 up" if corners == 2 else "2x2 or more between four wishes"
        raise SettingsError(f"a grid of {rows}x{columns}; expected {expected}, and at most {MOST_PICTURES} pictures")


def even_shares(count: int) -> list[float]:
    """So many shares from 0 to 1 in even steps; 0 alone for one."""
    return [number / max(1, count - 1) for number in range(count)]


def sum_weighted(weighted: Sequence[tuple[float, Objective]]) -> Objective:
    """The weighted sum of objectives; those of weight 0 are left out."""
    return Objective(tuple((share * weight, term) for share, each in weighted if share for weight, term in each.terms))
