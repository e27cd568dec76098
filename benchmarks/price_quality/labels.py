"""Defects of the recorded five years that are known, by session and symbol, and why.

`LISTED` are those that the recording's own notes name. `SEEN` came to light with the rules: the
whole bar is that of another price, and the next one is back. Of them only MRK was held against a
second recording, so a precision that counts them is no independent figure.
"""

LISTED = {
    "missing values": (
        ("2015-07-17", "DHR"), ("2016-01-12", "DHR"), ("2015-07-17", "ES"), ("2016-07-01", "FTV"),
        ("2015-07-17", "O"), ("2016-01-12", "O"), ("2015-06-26", "WRK"),
    ),
    "zero volume": (("2016-01-12", "DHR"), ("2016-01-12", "O"), ("2016-07-01", "FTV")),
    "outside the range": (
        ("2014-05-19", "CHD"), ("2014-11-06", "DHR"), ("2016-05-19", "LNT"), ("2014-08-27", "O"),
        ("2014-11-06", "O"), ("2014-05-28", "SPG"), ("2016-05-13", "WRK"),
    ),
    "no market move": (
        ("2016-05-19", "LNT"), ("2015-07-20", "EBAY"), ("2015-07-02", "NI"),
        ("2017-07-05", "BHGE"), ("2016-11-01", "ARNC"), ("2014-08-07", "DISCA"),
    ),
}  # fmt: skip

SEEN = (
    ("2013-12-20", "O"), ("2014-10-30", "COTY"), ("2017-09-14", "COP"), ("2017-09-14", "MPC"),
    ("2017-09-14", "MRK"), ("2017-09-14", "MRO"), ("2017-09-14", "NSC"),
)  # fmt: skip
