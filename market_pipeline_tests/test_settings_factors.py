"""Factor definitions in the settings: added, changed, switched off, and what is said of slips."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from market_pipeline import settings as module
from market_pipeline.domain.factor_definitions import (
    DEFAULTS,
    MARKET,
    STYLE_PROXIES,
    FactorDefinition,
    proxies_of,
)
from market_pipeline.settings import Settings, faults_of
from market_pipeline.settings.factors import definitions_of

FILE = """
[factors.value]
proxies = ["VTV", "SPY"]
kind = "spread"
window = 120

[factors.market]
window = 60

[factors.interest_rate]
active = false

[private_proxies]
FUNDCO = "VNQ"
"""


@pytest.fixture
def settings(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give the settings of a project whose file adds, changes and switches off a definition."""
    assert state_dir
    monkeypatch.delenv("MARKET_PIPELINE_FACTORS")
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    (tmp_path / "market_pipeline.toml").write_text(FILE)
    return Settings()


def test_the_shipped_definitions_are_those_of_the_issue() -> None:
    """Market and rates, six styles by ridge, four spreads, eleven sectors; each name once."""
    by_name = {definition.name: definition for definition in definitions_of({})}
    assert tuple(by_name.values()) == DEFAULTS
    market, rates, style = by_name["market"], by_name["interest_rate"], by_name["style"]
    assert (market.proxies, market.window, market.min_observations, market.cap) == (
        ("SPY",), 90, 30, 5.0,
    )  # fmt: skip
    assert (rates.proxies, rates.window, rates.method) == (("TLT",), 90, "ols")
    assert (style.proxies, style.window, style.min_observations) == (STYLE_PROXIES, 252, 60)
    assert (style.method, style.penalty) == ("ridge", 25.0)
    spreads = {each.proxies for each in DEFAULTS if each.kind == "spread"}
    assert spreads == {("VUG", "VTV"), ("MTUM", "SPY"), ("IWM", "SPY"), ("QUAL", "SPY")}
    assert {each.window for each in DEFAULTS if each.kind == "spread"} == {180}
    sectors = {each.proxy for each in DEFAULTS if each.kind == "sector"}
    assert sectors == {f"XL{letter}" for letter in "BCEFIKPUVY"} | {"XLRE"}


def test_the_file_adds_changes_and_switches_off(settings: Settings) -> None:
    """A change names only what differs; proxies of what is off are not asked for."""
    by_name = {definition.name: definition for definition in settings.definitions}
    assert by_name["value"] == FactorDefinition("value", ("VTV", "SPY"), 120, kind="spread")
    assert by_name["market"].window == 60
    assert by_name["market"].proxies == MARKET.proxies
    assert settings.market == by_name["market"]
    changed = settings.model_copy(update={"factors": {}})
    assert changed.definitions == DEFAULTS
    assert "interest_rate" not in by_name
    assert "TLT" not in settings.factor_proxies
    assert {"SPY", "VTV", "VNQ"} < set(settings.factor_proxies)
    assert len(by_name) == len(DEFAULTS)


def test_the_environment_says_the_same_as_json(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no file, one variable holds the tables."""
    assert state_dir
    told = {"market": {"proxies": "VTI"}, "pairs": {"proxies": ["KO", "PEP"], "kind": "spread"}}
    monkeypatch.setenv("MARKET_PIPELINE_FACTORS", json.dumps(told))
    monkeypatch.setenv("MARKET_PIPELINE_PRIVATE_PROXIES", "fundco=vnq, ACME=XLI")
    found = Settings()
    assert found.market.proxy == "VTI"
    assert found.definitions[-1].proxies == ("KO", "PEP")
    assert found.private_proxies == {"FUNDCO": "VNQ", "ACME": "XLI"}


def test_without_a_market_the_shipped_one_stands_for_it() -> None:
    """Impact of news still needs to take the market out."""
    found = Settings(factors={"market": {"active": False}})
    assert MARKET not in found.definitions
    assert found.market is MARKET


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"market": {"window": "long"}}, "[factors.market] window is 'long': write a whole number"),
        ({"market": {"window": True}}, "[factors.market] window is True: write a whole number"),
        ({"market": {"windw": 5}}, "'windw', and there is none; did you mean window?"),
        ({"market": {"window": 9999}}, "window is 9999, and must be at most 2520"),
        ({"market": {"window": 20}}, "min_observations is 30, and must be from 3"),
        ({"market": {"cap": -1}}, "cap is -1.0, and must be a number above 0"),
        ({"market": {"cap": float("nan")}}, "cap is nan, and must be a number above 0"),
        ({"market": {"method": "lasso"}}, "method is 'lasso': write one of ols, ridge, ewls"),
        ({"market": {"method": "ridge"}}, "method 'ridge' needs one above 0"),
        ({"market": {"half_life": 10}}, "method 'ewls' needs one above 0"),
        ({"market": {"kind": "mood"}}, "kind is 'mood': write one of market, macro, style"),
        ({"market": {"kind": "spread"}}, "a spread has two proxies, and there are 1"),
        ({"market": {"active": "no"}}, "active is 'no': write true or false"),
        ({"market": {"proxies": []}}, "needs proxies, each once"),
        ({"market": {"proxies": 5}}, "proxies is 5: write a list of symbols"),
        ({"new": {"window": 90}}, "[factors.new] needs proxies, such as"),
        ({"new": {"proxies": ["=1+1"]}}, "'=1+1' is no symbol"),
        ({"New": {"proxies": ["SPY"]}}, "'New' is no name"),
        ({"market": 3}, "write a table a definition: [factors.NAME]"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_field_its_value_and_what_would_do(
    told: dict[str, object], says: str
) -> None:
    """Before anything runs, in one sentence, under the setting's own name."""
    with pytest.raises(ValidationError) as refused:
        Settings(factors=told)
    (said,) = faults_of(refused.value)
    assert said.startswith("MARKET_PIPELINE_FACTORS: ")
    assert says in said


@pytest.mark.parametrize("name", ["FUNDCO=", "=VNQ", "FUNDCO", "FUNDCO=a b"])
def test_a_stand_in_is_a_symbol_for_a_symbol(name: str) -> None:
    """Half a pair is refused, and so is what no ticker can be."""
    with pytest.raises(ValidationError, match=r"NAME=SYMBOL|is no symbol"):
        Settings(private_proxies=name)


def test_every_proxy_is_asked_for_once() -> None:
    """Several definitions may share one."""
    proxies = proxies_of(DEFAULTS)
    assert len(set(proxies)) == len(proxies) == 19


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_line_changes_nothing(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """As the example has it, without its comment sign."""
    monkeypatch.setenv("MARKET_PIPELINE_FACTORS", text)
    assert Settings().factors == {}


@pytest.mark.parametrize("text", ["market", "[1]", "{" * 10_000, '{"market": 1}'])
def test_what_is_no_table_is_told_in_words(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """And never as the reader of JSON puts it."""
    monkeypatch.setenv("MARKET_PIPELINE_FACTORS", text)
    with pytest.raises(ValidationError, match="write a table a definition"):
        Settings()
