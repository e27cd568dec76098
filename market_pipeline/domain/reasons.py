"""Why a symbol may be in the universe, in alphabetical order.

A module of its own, so that settings can name them without what frames need.
"""

REASONS = ("factor_proxy", "held", "traded", "underlying", "watched")
