"""Slow, obviously right NumPy versions of what the library computes fast."""
