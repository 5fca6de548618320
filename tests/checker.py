"""How annotations are checked while tests run: as the type checkers read them, a whole number being a float too."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
