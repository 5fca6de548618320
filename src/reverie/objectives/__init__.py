"""Objectives: what gradient ascent maximizes, as frozen values that can be added and weighted.

`base` has the terms of layers and the arithmetic, `parser` reads objectives from words. `directions`, `guides`,
`classes` and `penalties` have further terms, `masks` an objective for each region, `batch` one for each image.
"""
