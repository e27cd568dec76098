"""Print `.env.example` as the settings define it: `python -m market_pipeline.settings`."""

import sys

from market_pipeline.settings import env_example

sys.stdout.write(env_example())
