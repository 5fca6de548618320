"""Keras networks as models: TensorFlow runs them, torch differentiates through them."""
