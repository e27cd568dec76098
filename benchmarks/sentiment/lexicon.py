"""A finance lexicon of our own for VADER: words of company news, and how good they are (-4 to 4).

Written for this comparison; no published word list was copied.
"""

_BY_VALUE: dict[float, str] = {
    3.0: """
        soar soars soared soaring surge surges surged surging skyrocket skyrockets skyrocketed
        bullish outperform outperforms outperformed outperforming upgrade upgrades upgraded
        upgrading rally rallies rallied rallying breakthrough
    """,
    2.3: """
        beat beats beating top tops topped exceed exceeds exceeded exceeding jump jumps jumped
        jumping climb climbs climbed climbing gain gains gained gaining rebound rebounds rebounded
        rebounding record profit profits profitable profitability growth grew grow grows growing
        boost boosts boosted boosting overweight win wins won winning awarded award awards raise
        raises raised raising hike hikes uptrend upbeat
    """,
    1.6: """
        rise rises rose risen rising increase increases increased increasing higher up improve
        improves improved improving improvement strengthen strengthens strengthened recover recovers
        recovered recovery accelerate accelerates accelerated expand expands expanded expanding
        expansion advance advances advanced buyback buybacks approval approves approved clears
        cleared secures secured lands landed buy strong stronger strength robust solid resilient
        optimistic optimism momentum double doubled doubles doubling triple tripled narrowed narrows
        upside favorable favourable attractive undervalued dividend surplus savings efficiency
        successful succeed succeeds demand orders resume resumes resumed easing eased
    """,
    -1.6: """
        fall falls fell fallen falling decrease decreases decreased decreasing decline declines
        declined declining lower down drop drops dropped dropping slip slips slipped slipping ease
        dip dips dipped weak weaker weaken weakens weakened weakness soft softer slow slows slowed
        slowing slowdown sell shrink shrinks shrank shrinking contract contracted contraction
        widen widens widened delay delays delayed halt halts halted suspend suspends suspended cut
        cuts cutting trim trims trimmed debt costs fear fears worry worries worried concern concerns
        pressure pressured headwind headwinds uncertain uncertainty risk risks overvalued
        underweight strike strikes tariffs inflation shortfall deficit dilution dilutive offering
        probe investigation lawsuit sued sues fined fine recall recalls recalled warning warns warn
        warned cautious caution closure closes closing shutdown
    """,
    -2.3: """
        miss misses missed missing loss losses lose loses lost losing sink sinks sank sinking tumble
        tumbles tumbled tumbling slide slides slid sliding slump slumps slumped slumping layoff
        layoffs redundancies redundancy impairment impairments writedown write-down downturn
        bearish downtrend disappoint disappoints disappointed disappointing disappointment worsen
        worsens worsened deteriorate deteriorates deteriorated recession default defaults defaulted
        underperform underperforms underperformed selloff sell-off outage breach resigns ousted
        halve halved halves covid coronavirus outbreak
    """,
    -3.0: """
        plunge plunges plunged plunging crash crashes crashed crashing collapse collapses collapsed
        plummet plummets plummeted plummeting bankrupt bankruptcy insolvent insolvency fraud
        downgrade downgrades downgraded downgrading scandal crisis liquidation delisted delisting
        tank tanks tanked tanking
    """,
    0.0: """
        share shares interest gross security securities trust growthpoint agreement allow asset
        assets benefit care natural free great energy united please yes united play party super
        chance fund
    """,
}

LEXICON = {word: value for value, words in _BY_VALUE.items() for word in words.split()}
