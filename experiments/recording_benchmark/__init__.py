"""The parts of `experiments.benchmark_recording`: problem, measurement, verdict."""
