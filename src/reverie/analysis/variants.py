"""The ways to run one network that are compared: every engine, device and precision asked for."""

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
    """One way to run a network, e.g. torch on cpu in bfloat16."""

    engine: str
    model: Model

    @property
    def name(self) -> str:
        """Engine, device and precision in a few words, unique among variants."""
        return f"{self.engine} {self.model.device} {self.model.precision}"


def load_variants(
    name: str, engines: Sequence[str], devices: Sequence[str], precisions: Sequence[str], **how: Any
) -> list[Variant]:
    """The network once for each way that works, in the order asked for; `how` is what `load_model` takes besides.

    A combination that one engine does not offer is left out with a word to the log, as long as every engine, device and
    precision asked for is in another; else its `SettingsError` is raised. So are all other errors of `load_model`.
    """
    found: dict[str, Variant] = {}
    asked: set[tuple[str, str]] = set()
    refused: list[tuple[set[tuple[str, str]], SettingsError]] = []
    for engine, device, precision in product(engines, devices, precisions):
        words = {("engine", engine), ("device", device), ("precision", precision)}
        try:
            model = load_model(name, engine=engine, device=device, precision=precision, **how)
        except SettingsError as error:
            refused.append((words, error))
            continue
        asked |= words
        variant = Variant(engine, model)
        found.setdefault(variant.name, variant)  # auto may come to what was asked for by name as well
    for words, refusal in refused:
        if not words <= asked:
            raise refusal
        log.warning("left out: %s", refusal)
    return list(found.values())
