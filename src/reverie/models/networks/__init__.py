"""Networks written here: SqueezeNet, which comes with the package, and the paper's InceptionV3."""
