"""Rolling least squares of many symbols at once: `rolling` in tiles, `fit_all` as one answer."""

from market_pipeline.domain.regression.model import Fit, Model, Quality
from market_pipeline.domain.regression.rolling import fit_all, rolling

__all__ = ["Fit", "Model", "Quality", "fit_all", "rolling"]
