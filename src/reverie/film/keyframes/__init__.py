"""What changes over a film, in words, and at every frame."""
