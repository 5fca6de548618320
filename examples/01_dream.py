"""A photo goes in, a dream comes out.

Run it as `python examples/01_dream.py [PHOTO [DREAM]]`.
"""

import sys

import reverie as rv

photo = sys.argv[1] if len(sys.argv) > 1 else "examples/astronaut.jpg"
output = sys.argv[2] if len(sys.argv) > 2 else "dream.png"

model = rv.load_model("squeezenet")
rv.save_image(rv.dream(rv.open_image(photo), model, "fire8^2"), output)
