"""Networks by name: `load` finds, loads and verifies one.

`torch_model` and `keras.model` run a network behind the one interface `types.Model`; `hooked` makes one of any torch
module, `networks` are written here, `zoo` are those of torchvision and timm. `receptive_field` measures what a
layer sees.
"""
