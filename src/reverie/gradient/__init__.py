"""Gradient functions, `gradient(image) -> (score, grad)`, and the wrappers around them.

`base` makes such a function from a model and an objective; `normalization`, `tiling`, `sphere`, `masks` and `keeping`
wrap it in others; `compose` nests the wrappers as the settings say.
"""
