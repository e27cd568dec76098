"""What exists: the asset graph, one module a noun.

Modules here are imported by name (`assets.headlines`), never re-exported: a function of the same
name would hide its module.
"""

import warnings

import dagster as dg

# Backfill policies are marked beta. The version is pinned, and a test of the whole graph notices
# when an upgrade changes them, so the warning would only hide others.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
