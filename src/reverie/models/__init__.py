"""Trained networks by name: `load` finds a network, verifies its weights and builds a `types.Model`.

`torch_model` and `keras.model` run a network behind that one interface; `hooked` wraps any torch module by forward
hooks, `networks` holds the networks written here, `zoo` those of torchvision and timm. `receptive_field` measures the
receptive fields of layers.
"""
