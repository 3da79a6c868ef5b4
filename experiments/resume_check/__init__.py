"""Kills a training run again and again and compares what is left with an uninterrupted one."""
