"""What the figures of docs/ and results/ were measured with: python -m experiments.benchmarks.NAME.

fit: the fit against R earth and py-earth. replicas: 100 networks in one computation against one.
recording: what a record of the knots costs. resume: SIGKILL at random moments, bit against bit.

Every program defines its flags when it is the one that runs, so that all can be imported together.
"""
