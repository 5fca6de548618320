"""Networks that TensorFlow runs, seen by torch as any other."""
