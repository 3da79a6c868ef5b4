"""The parts of `experiments.benchmark_fit`: cases, contenders, measurement, table."""
