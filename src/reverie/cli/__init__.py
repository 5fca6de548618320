"""The command line: words -> job -> picture.

Nothing here imports torch until there is work to do, so that `reverie --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import zip_longest

from cyclopts import App, CycloptsError, UnusedCliTokensError

from reverie.cli import features, films, keyframes, listings, pictures, reports, studio
from reverie.cli.output import INTERRUPTED, MISTAKE
from reverie.errors import ReverieError
from reverie.settings import PANORAMA_CHOICES

app = App(
    name="reverie",
    help="Makes trained networks dream.",
    version=lambda: version("reverie"),
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # it is ours to answer
)
COMMANDS: dict[str, Callable[..., int | None]] = {
    "dream": pictures.dream_photos,
    "film": films.dream_films,
    "zoom": films.zoom_photo,
    "morph": films.morph_photo,
    "run": pictures.run_again,
    "show": listings.show_recipe,
    "caption": listings.print_caption,
    "visualize": pictures.visualize_wish,
    "channels": pictures.show_sheet,
    "attribute": features.attribute_photo,
    "activation-grid": features.show_activation_grid,
    "activation-atlas": features.make_activation_atlas,
    "keyframes": keyframes.show_keyframes,
    "analyze": reports.analyze_dream,
    "studio": studio.open_studio,
    "models": listings.list_models,
    "layers": listings.list_layers,
    "presets": listings.list_presets,
}
for name, command in COMMANDS.items():
    app.command(command, name=name)
app.command(features.refuse_atlas, name="atlas", show=False)


def expand_panorama(words: list[str]) -> list[str]:
    """The words with `--panorama` alone said as `--panorama on`."""
    alone = [word == "--panorama" and after not in PANORAMA_CHOICES for word, after in zip_longest(words, words[1:])]
    return ["--panorama=on" if only else word for word, only in zip(words, alone, strict=True)]


def main(words: list[str] | None = None) -> int:
    """Runs a command line; returns its exit code: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    # Torch's threads wait for each other by spinning. Beside another busy program that makes a dream ten times slower;
    # a short spin costs nothing on a quiet machine. It must be said before torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        said = expand_panorama(sys.argv[1:] if words is None else words)
        code = int(app(said, exit_on_error=False, print_error=False, result_action="return_value") or 0)
        sys.stdout.flush()
        return code
    except UnusedCliTokensError as error:
        unused = " ".join(error.unused_tokens or ())
        return print_mistake(f"there is no use for {unused!r}: one word too many, or a wish that is not in quotes")
    except (ReverieError, CycloptsError) as error:
        return print_mistake(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error):  # torch's own words, which differ by device
            return print_mistake("not enough memory: a smaller picture (--size) needs less")
        raise


def print_mistake(error: Exception | str) -> int:
    """Prints a mistake as one line."""
    print("reverie: " + " ".join(str(error).split()), file=sys.stderr)
    return MISTAKE
