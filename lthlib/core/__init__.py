"""The paper's algorithm, on torch alone."""
