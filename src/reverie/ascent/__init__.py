"""Every gradient ascent loop of the house.

`steps` is the inner loop, the notebook's `make_step`. `octaves` dreams a photograph from its smallest octave to its own
size, the notebook's `deepdream`. `visualization` climbs from noise instead of a photograph (feature visualization).
`ondisk` does what `octaves` does for pictures larger than memory.
"""
