"""Objectives are values: put together by arithmetic, asked for a score, climbed.

Run it as `python examples/02_wishes.py [PHOTO [DREAM]]`.
"""

import sys

import reverie as rv

photo = sys.argv[1] if len(sys.argv) > 1 else "examples/astronaut.jpg"
output = sys.argv[2] if len(sys.argv) > 2 else "wishes.png"

image = rv.open_image(photo)
model = rv.load_model("squeezenet")

wish = rv.layer("fire8", power=2) + 0.5 * rv.channel("fire5", 12) - 0.1 * rv.total_variation()
assert wish == rv.objective("fire8^2 + 0.5*fire5:12 - 0.1*tv")  # the same in words

score, grad = rv.gradient_of(model, wish)(image)
print(f"{wish}: the photo scores {score.item():.1f}; a pixel changes that by up to {grad.abs().max():.2g}")

rv.save_image(rv.dream(image, model, wish, rv.Settings(seed=3)), output)
