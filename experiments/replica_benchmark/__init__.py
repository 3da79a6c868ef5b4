"""The parts of `experiments.benchmark_training`: problems, measurement, floor."""
