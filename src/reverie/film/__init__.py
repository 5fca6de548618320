"""Films: frames in, the one door for each, what was dreamed carried along the motion, frames and the sound out."""
