"""Reverie makes trained networks dream."""
