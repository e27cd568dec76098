"""Collected items read as tellings: what is asked of the tone model."""

from market_pipeline_tests.news_making import FixedTone, news, tellings


def test_a_title_that_comes_several_times_is_judged_once() -> None:
    """Every item gets its own title's tone, and the model reads each distinct title once."""
    titles = ["Apple beats estimates", "Apple misses estimates", "Apple beats estimates"]
    tone = FixedTone()
    read = tellings(
        *(news(title, url=f"https://example.com/{n}") for n, title in enumerate(titles)), tone=tone
    )
    assert [telling.tone.score for telling in read] == [0.8, -0.8, 0.8]
    assert tone.asked == titles[:2]
