"""A dream is a stream of steps: look at each, stop when you like, wrap the gradient as you like.

Run it as `python examples/03_steps.py [PHOTO [DREAM]]`.
"""

import sys

import torch

import reverie as rv

photo = sys.argv[1] if len(sys.argv) > 1 else "examples/astronaut.jpg"
output = sys.argv[2] if len(sys.argv) > 2 else "steps.png"

image = rv.open_image(photo)
gradient = rv.gradient_of(rv.load_model("squeezenet"), rv.objective("fire5^2"))


def from_the_top(gradient: rv.Gradient) -> rv.Gradient:
    """A wrapper of our own: the dream fades out toward the bottom of the picture."""

    def faded(image: rv.Image) -> tuple[torch.Tensor, rv.Image]:
        score, grad = gradient(image)
        return score, grad * torch.linspace(1, 0, image.shape[2])[:, None]

    return faded


gradient = rv.jittered(gradient, 16, torch.Generator().manual_seed(0))
gradient = from_the_top(rv.normalized(rv.color_correlated(gradient)))

for step in rv.dream_steps(image, gradient, rv.Settings(octaves=4, steps=10)):
    if step.number == 0:
        print(f"octave {step.octave + 1} of {step.octaves}: {step.image.shape[3]} x {step.image.shape[2]} pixels")
    if step.octave == 3 and step.number == 7:
        break  # to stop is not to ask for the next step

rv.save_image(step.image, output)
