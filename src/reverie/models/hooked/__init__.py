"""A model of any torch module: forward hooks read its layers."""
