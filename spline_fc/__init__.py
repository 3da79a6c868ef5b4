"""Spline-initialised fully connected networks: fit, convert, reshape, train on, look inside."""
