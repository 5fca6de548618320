"""A run as a value: what to dream of which picture, with which network, and how."""
