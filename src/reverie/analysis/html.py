"""Pieces of a page as text. Whatever comes from outside is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from reverie.analysis.style import Drawn


class Html(str):
    """Text that is HTML already. Any other text is escaped where it enters a piece."""

    __slots__ = ()


def piece(tag: str, *children: str, **attributes: str) -> Html:
    """One element: `piece("p", "a < b")`; an attribute's trailing underscore is dropped (`class_`)."""
    said = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())
    inside = "".join(safe(child) for child in children)
    return Html(f"<{tag}{said}>{inside}</{tag}>")


def safe(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def joined(pieces: Iterable[str]) -> Html:
    return Html("\n".join(safe(each) for each in pieces))


def picture(data: bytes, kind: str, alt: str, class_: str = "") -> Html:
    """An image within the page itself; `kind` is png or jpeg."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return Html(f'<img src="{source}" alt="{escape(alt)}" class="{escape(class_)}">')


def table(head: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] = ()) -> Html:
    """A table whose first column is words and whose others are numbers; `foot` is its last row, set apart."""
    body = joined(row(cells) for cells in rows)
    end = piece("tfoot", row(foot)) if foot else Html("")
    heads = piece("thead", piece("tr", *(piece("th", each, scope="col") for each in head)))
    return piece("div", piece("table", heads, piece("tbody", body), end), class_="scroll")


def row(cells: Sequence[str]) -> Html:
    return piece("tr", piece("th", cells[0], scope="row"), *(piece("td", cell) for cell in cells[1:]))


def digits(value: float, count: int = 4) -> str:
    """So many digits of a number, its thousands apart: 37,170; 0.04213."""
    text = f"{value:#,.{count}g}".rstrip(".")
    return f"{value:,.0f}" if "e+" in text else text


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and what they stand for, side by side."""
    return piece("dl", *(joined([piece("dt", name), piece("dd", value)]) for name, value in pairs))


def shown(figure: Drawn) -> Html:
    """A figure with its caption and the files to take away."""
    words = piece("figcaption", f"{figure.caption} ", files(figure))
    kind = "column ink" if figure.ink else "pictures"
    return piece("figure", picture(figure.png, "png", figure.caption), words, class_=kind)


def files(figure: Drawn) -> Html:
    return joined(
        piece("a", form.upper(), href=f"figures/{figure.name}.{form}", download=f"{figure.name}.{form}")
        for form in ("pdf", "png")
    )
