"""Every loop: `steps` climbs, `octaves` dreams a photograph from small to large, `visualization` begins from noise.

`ondisk` does what `octaves` does for pictures larger than memory.
"""
