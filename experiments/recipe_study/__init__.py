"""The parts of the bake-off: what is trained, how it is counted, how it is shown."""
