"""Loads one network once for every engine, device and precision that are to be compared."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from reverie.errors import SettingsError
from reverie.models.load import load_model
from reverie.types import Model

log = logging.getLogger("reverie")


@dataclass(frozen=True)
class Variant:
    """A network loaded in one way, e.g. by torch on cpu in bfloat16."""

    engine: str
    model: Model

    @property
    def name(self) -> str:
        """Engine, device and precision in a few words, unique among variants."""
        return f"{self.engine} {self.model.device} {self.model.precision}"


def load_variants(
    name: str, engines: Sequence[str], devices: Sequence[str], precisions: Sequence[str], **how: Any
) -> list[Variant]:
    """Loads the network once for each combination that works, in the order asked for.

    `how` are further arguments of `load_model`. A combination that an engine does not offer is left out with a warning
    to the log, as long as every engine, device and precision asked for occurs in another one; else its `SettingsError`
    is raised. So are all other errors of `load_model`.
    """
    found: dict[str, Variant] = {}
    covered: set[tuple[str, str]] = set()
    refused: list[tuple[set[tuple[str, str]], SettingsError]] = []
    for engine, device, precision in product(engines, devices, precisions):
        choices = {("engine", engine), ("device", device), ("precision", precision)}
        try:
            model = load_model(name, engine=engine, device=device, precision=precision, **how)
        except SettingsError as error:
            refused.append((choices, error))
            continue
        covered |= choices
        variant = Variant(engine, model)
        found.setdefault(variant.name, variant)  # "auto" may resolve to a device or precision that was also named
    for choices, refusal in refused:
        if not choices <= covered:
            raise refusal
        log.warning("left out: %s", refusal)
    return list(found.values())
