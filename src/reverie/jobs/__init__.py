"""A recipe and its place become a picture."""
