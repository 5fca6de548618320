"""Networks, objectives and presets of one's own under a name: registered here, or by the entry points of a package.

A package names them in its pyproject.toml, in the groups "reverie.models", "reverie.objectives" and "reverie.presets".
Code without a name is found by its place, as "package.module:factory" or "path/to/mine.py:factory". Nothing is imported
before it is asked for by name; reading this module needs no torch.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Collection
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from reverie.errors import ExtensionError, ReverieError, SettingsError, suggest_names

KINDS = ("model", "objective", "preset")
"""What can be added under a name; the entry points of each are in the group "reverie.models", and so on."""

NAME = re.compile(r"[A-Za-z_][\w-]*")
"""A name that something can be registered under."""

_registered: dict[
    tuple[str, str], Any
] = {}  # as the import system has one table of modules: a process has one of names

Returned = TypeVar("Returned")


def register(kind: str, name: str, thing: Any, taken: Collection[str]) -> None:
    """Register something of a kind under a name, in the place of what was registered there before.

    `taken`: the names that Reverie itself uses. Raises SettingsError for one of them, and for what is no name.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SettingsError(f"the name {name!r} of a {kind}; expected letters, digits and _, beginning with a letter")
    if name in taken:
        raise SettingsError(f"{name!r} is a {kind} of Reverie's own: register yours under another name")
    _registered[kind, name] = thing


def find_registered(kind: str, name: str) -> Any | None:
    """Find what is registered under a name, or what a package's entry point of that name is; None if nothing is.

    Raises ExtensionError for an entry point that cannot be imported, or that two packages have.
    """
    if (kind, name) in _registered:
        return _registered[kind, name]
    found = [each for each in find_entry_points(kind) if each.name == name]
    if len({each.value for each in found}) > 1:
        packages = " and ".join(sorted(describe_entry_point(each) for each in found))
        raise ExtensionError(f"the {kind} {name!r} is of two packages, {packages}: uninstall one of them")
    return load_entry_point(kind, found[0]) if found else None


def list_registered(kind: str) -> dict[str, str]:
    """The names of a kind that are registered or entry points, sorted, each with where it is from; none is imported."""
    found = {each.name: f"of {describe_entry_point(each)}" for each in find_entry_points(kind)}
    found |= {name: "registered in this process" for own, name in _registered if own == kind}
    return dict(sorted(found.items()))


def find_entry_points(kind: str) -> list[metadata.EntryPoint]:
    """The entry points of a kind, of all installed packages."""
    return list(metadata.entry_points(group=f"reverie.{kind}s"))


def describe_entry_point(point: metadata.EntryPoint) -> str:
    """The package of an entry point, and where its code is: "package (package.module:name)"."""
    return f"{point.dist.name if point.dist else 'a package'} ({point.value})"


def load_entry_point(kind: str, point: metadata.EntryPoint) -> Any:
    """Import what an entry point names. Raises ExtensionError."""
    return run_own_code(point.load, f"the {kind} {point.name!r} of {describe_entry_point(point)} cannot be imported")


def find_code(name: str) -> Any:
    """Import the module, or run the file, of "package.module:factory" or "mine.py:factory", and get the factory.

    Raises ExtensionError where there is no such module, file or factory, and where importing it fails.
    """
    place, _, factory = name.rpartition(":")
    module = import_place(place)
    if not hasattr(module, factory):
        known = [each for each, own in vars(module).items() if callable(own) and own.__module__ == module.__name__]
        raise ExtensionError(f"{place} has no {factory!r}{suggest_names(factory, known) if known else ''}")
    return getattr(module, factory)


def import_place(place: str) -> ModuleType:
    """Import an installed module by its dotted name, or a file that ends in .py. Raises ExtensionError."""
    if place.endswith(".py"):
        return import_file(Path(place))
    beside = Path(*place.split(".")).with_suffix(".py") if place else Path()
    try:
        missing = importlib.util.find_spec(place) is None
    except (ImportError, ValueError):  # of a package that is not there, or a name that is none
        missing = True
    if missing:
        own = f": say {beside}:NAME for the file" if place and beside.is_file() else " (a file is said as mine.py:NAME)"
        raise ExtensionError(f"no module {place!r} is installed{own}")
    return run_own_code(lambda: importlib.import_module(place), f"{place} cannot be imported")


def import_file(path: Path) -> ModuleType:
    """Run a file as a module, once in a process; it may import what lies beside it, as a script may.

    Raises ExtensionError.
    """
    if not path.is_file():
        raise ExtensionError(f"there is no file {path} to import: expected Python code, as in mine.py")
    resolved = path.resolve()
    name = f"{path.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise ExtensionError(f"{path} cannot be imported: expected Python code")
    module, execute = importlib.util.module_from_spec(spec), spec.loader.exec_module
    sys.modules[name] = module  # before it is run: dataclasses look for their module there
    sys.path.append(str(resolved.parent))
    try:
        run_own_code(lambda: execute(module), f"{path} cannot be imported")
    except ExtensionError:
        del sys.modules[name]
        raise
    return module


def run_own_code(call: Callable[[], Returned], failed: str) -> Returned:
    """Run code of the user's own. What it raises becomes an ExtensionError of one line, with the file and the line.

    `failed` is the line's beginning: what did not work. Reverie's own errors pass as they are.
    """
    try:
        return call()
    except ReverieError:
        raise
    except (Exception, SystemExit) as error:  # any code may raise anything
        raise ExtensionError(
            f"{failed}: {type(error).__name__}: {' '.join(str(error).split())}{say_where(error)}"
        ) from error


def say_where(error: BaseException) -> str:
    """The file and the line that an error is from, as the end of a message; nothing for a module that is missing."""
    frames = [(Path(each.filename), each.lineno) for each in traceback.extract_tb(error.__traceback__)]
    own = [(path, line) for path, line in frames if path.is_file() and not is_library_file(path)]
    if isinstance(error, (ModuleNotFoundError, SyntaxError)) or not own:  # a SyntaxError says it itself
        return ""
    return f" ({own[-1][0].name}, line {own[-1][1]})"


def is_library_file(path: Path) -> bool:
    """Whether a file of code is Reverie's, Python's own, or of an installed package, and so not to be mended there."""
    return path == Path(__file__) or "site-packages" in path.parts or Path(sysconfig.get_path("stdlib")) in path.parents
