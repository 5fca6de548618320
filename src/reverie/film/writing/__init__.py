"""Frames as a film: encoded segment by segment, kept, and joined with the sound that was there."""
