"""`python -m market_pipeline_tests.storm`: real processes, killed at random.

A script, not a test: fifty kills take half an hour. `make storm` runs them on both databases.
"""
