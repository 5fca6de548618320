"""`gradient(image) -> (score, grad)`, and what can be wrapped around it.

`base` makes one of a model and an objective; `normalization`, `tiling`, `sphere`, `masks` and `keeping` wrap it;
`compose` nests them as the settings say.
"""
