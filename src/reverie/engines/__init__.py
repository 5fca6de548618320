"""Frameworks that run a network, each as a `Model`."""
