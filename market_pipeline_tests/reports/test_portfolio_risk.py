"""The order in which stored risk is shown."""

from market_pipeline.reports.portfolio_risk import exposures_by_kind
from market_pipeline.reports.portfolio_rows import ExposureRow


def test_exposures_are_parted_by_kind_and_keep_their_order() -> None:
    """The market first, however small; what no definition answers to last."""
    exposures = [
        ExposureRow(name, None, dollars, None, None, "full_history")
        for name, dollars in (
            ("gone", 9.0),
            ("tech", -8.0),
            ("rates", 7.5),
            ("market", 7.0),
            ("energy", 1.0),
        )
    ]
    kinds = {"market": "market", "rates": "macro", "tech": "sector", "energy": "sector"}
    groups = exposures_by_kind(exposures, kinds)
    assert [(each.name, [one.factor for one in each.exposures]) for each in groups] == [
        ("main", ["market", "rates"]), ("sector", ["tech", "energy"]), ("other", ["gone"]),
    ]  # fmt: skip
    assert groups[1].largest_usd == 8.0
