"""The page beside a sheet: the same pictures, which a click enlarges, and the command line that makes each.

It is one file without scripts, and works from a disk: a link to a picture is what enlarges it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One picture: its name, the command line that makes it, its file."""

    label: str
    command: str
    path: Path


MADE_HERE = '<meta name="generator" content="Reverie atlas">'
"""What tells our pages from others, which are not to be written over."""

STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; }
h1 { font-size: 1.3rem; font-weight: 600; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 14px; }
figure { margin: 0; }
img { width: 100%; display: block; }
figcaption { padding: 3px 0; overflow-wrap: anywhere; }
code, .turn { display: none; }
figure:target { position: fixed; inset: 0; z-index: 1; display: flex; flex-direction: column; align-items: center;
  justify-content: center; gap: 10px; padding: 2vmin; background: Canvas; }
figure:target > a { flex: 1; min-height: 0; width: 100%; }
figure:target img { height: 100%; object-fit: contain; }
figure:target code { display: block; user-select: all; padding: 6px 10px; background: #8883; }
figure:target .turn { display: flex; gap: 2em; }
@media print { body { margin: 0; } figure { break-inside: avoid; } }
"""


def page(title: str, entries: Sequence[Entry]) -> str:
    """The page as text."""
    figures = "\n".join(figure(number, len(entries), entry) for number, entry in enumerate(entries))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MADE_HERE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>Click a picture to enlarge it and to see how it is made.</p>
<main>
{figures}
</main>
</body>
</html>
"""


def figure(number: int, count: int, entry: Entry) -> str:
    """One picture, with the way to its neighbors for when it is large."""
    data = base64.b64encode(entry.path.read_bytes()).decode()
    ways = [
        ("previous", f"#{number - 1}", number > 0),
        ("back", "#", True),
        ("next", f"#{number + 1}", number + 1 < count),
    ]
    turns = "".join(f'<a href="{where}">{name}</a>' for name, where, there in ways if there)
    return (
        f'<figure id="{number}"><a href="#{number}">'
        f'<img src="data:image/png;base64,{data}" alt="{escape(entry.label)}" loading="lazy"></a>'
        f"<figcaption>{escape(entry.label)}</figcaption>"
        f'<code>{escape(entry.command)}</code><div class="turn">{turns}</div></figure>'
    )
