"""What every test shares. Shapes in annotations are checked here, and only here, at run time."""

from __future__ import annotations

import warnings

from jaxtyping import install_import_hook

install_import_hook("reverie", "beartype.beartype")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn about while they are imported is not ours to mend
    import torch

torch.set_num_threads(1)  # two pytest workers on two cores: more threads would only spin
