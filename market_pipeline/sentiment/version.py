"""The name of the shipped weights: the encoder, and the first hex digits of the file's SHA-256."""

MODEL_VERSION = "bge-small-a0af4d2b"
