"""Tensors in, tensors out: networks, data, and how they are trained."""
