"""Attribution: which pixels of a photo, or which channels of a layer, the score of an objective comes from.

    photo --methods--> map (h, w) or a value for each channel --picture--> the photo beside it, with a scale

`options` are the settings, `methods` the formulas, `explain` does a whole photo, `picture` draws. Gradients and their
averages are captum's; what needs a layer inside a network is ours, since not every network here is made of modules.
"""
