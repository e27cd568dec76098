"""The benchmarks: every module in this folder is loaded and registers its own."""
