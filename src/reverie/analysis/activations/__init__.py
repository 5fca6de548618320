"""What a layer answers, shown by pictures: activation grids of a photo, activation atlases of many.

    photos --sampling--> activation vectors --layout--> cells of a map --cells--> a picture of each direction

A grid has a cell for each place of one photo; an atlas has one for each part of the plane on which the activations of
many photos are laid out so that like ones are neighbors.
"""
