"""Words of financial headlines: which mean the same, which must agree.

Data only, read by `story_titles`. Words stand in lower case without inflection. A word that is
missing here costs a join at worst: it must then stand in both titles as it is.
"""

# Each line is one meaning that two titles of one story must share: the first word names it.
# "beat" against "miss" is thus a difference, "beat" against "top" is none. Words stand in one
# line only if an analyst would take either for the other.
SAME_MEANING = """
beat top exceed surpass crush outpace smash
miss trail lag undershoot
rise risen rose climb gain jump soar surge rally advance up higher increase spike leap grow grew
fall fell fallen drop slip slide slid tumble sink sank plunge down lower decline dip plummet
raise hike boost lift
cut reduce slash lowers lowered lowering trim
buy purchase acquire
bought purchased acquired
sell divest offload
sold divested offloaded
upgrade
upgraded
downgrade
downgraded
win won
lose lost
approve
approved
reject rebuff spurn
rejected rebuffed spurned
block
blocked
ban prohibit
banned prohibited
allow permit
allowed permitted
hire
layoff
fire
fired
open
reopen
close shut shutter
long
short
bull bullish
bear bearish
outperform
underperform
overweight
underweight
overvalued
undervalued
strong robust solid
strength
weak soft
weakness
above
below under
before ahead
expand
shrink contract
accept
start begin began
launch unveil
stop halt suspend pause
resume
end
cancel scrap abandon
delay postpone
good
better
best
bad
worse
worst
most
least
more
less fewer
high
low
positive
negative
support
oppose
join
leave exit quit
enter
inflow
outflow
hawkish
dovish
surplus
deficit
optimism optimistic
pessimism pessimistic
ease
tighten
cheap
expensive
import
export
guilty
success
failure
only
despite
unless
if
until
except
against
than
may might could
should
would
likely
consider weigh mull explore
plan intend
seek
try attempt
want
near nearing
propose
expect
threaten
warn
resign
retire
recover
survive
die
confirm
keep retain maintain
hold
affirm reaffirm reiterate
"""

# As above, of who and what it is about: they cannot move within a title.
SAME_SUBJECT = """
profit profitable
loss unprofitable
former ex
acting interim
deputy vice
rival competitor
supplier
subsidiary unit
partner
preliminary
again
almost nearly
sale
revenue
profitability
earning
margin
guidance
forecast outlook
estimate
dividend
buyback repurchase
target
order
delivery
cost
price
yield
rate
rating
volume
demand
supply
inventory
output production
tariff
tax
debt
cash
bid
offer
call
put
bond
eps
ebitda
quarter
year
month
week
day
half
double
triple
record
bankruptcy
split
spinoff
analyst
rumor
alleged
fake hoax
fear
hope
risk
urge
ask
agree
vow pledge promise
wife
husband
son
daughter
lawyer attorney
founder
investor
shareholder
customer
union
board
ceo
cfo
chairman
ipo
option
"""

# Each of these turns a claim round; titles of one story hold equally many.
NEGATIONS = """
not no never without neither nor none nothing cannot deny denied denies denying fail failed fails
failing refuse refused refuses refusing unlikely dismiss dismissed dismisses dont doesnt didnt
isnt arent wasnt werent wont cant couldnt wouldnt shouldnt hasnt havent lack lacks lacked
"""

# Words that may stand on one side only, or differ.
FILLERS = """
a an the of to in on for and as at with is are was were be been being has have had it its this
that these those their his her our your my he she they we you i s t d ll re ve say said says will
who which into about today now just also inc incorporated corp corporation ltd limited plc llc co
company nv sa ag se there here after via per amid while
"""

# Verbs whose `-ed` means what their `-s` means: "raised guidance" is "raises guidance". Others keep
# their `-ed`, for "sued" is not "sues".
SAFE_VERBS = """
abandon add affirm agree announce appear beat boost cancel climb close complete consider crash cut
declare decline decrease delay disclose divest double drop ease end enter exceed exit expand
expect explain explore face file gain halt head hike increase issue join jump lag launch leap lift
maintain miss mull near offer open outpace outperform pause plan pledge plummet plunge post
postpone predict prepare price propose raise rally reach reaffirm rebound reduce reiterate release
remain reopen report resign resume retain retire retreat return reveal rise scrap seek shrink sign
signal slash slide slip slump soar spike split start stop struggle surge surpass suspend tap test
top trail trim triple tumble turn underperform unveil urge vow want warn weigh win worry
"""

# Verbs of which only `-ing` may be taken off: "suing" is "sues".
OTHER_VERBS = """
accuse acquire allow approve ask ban begin block buy charge cite downgrade fine fire grow hack
hire hit hold invest investigate lay lead leave lose make mark move order permit probe prohibit
purchase push put reject rule sanction sell settle shut sink sue support take threaten try upgrade
use
"""

# Phrases read as one word.
PHRASES = {
    ("rule", "out"): "not",
    ("rules", "out"): "not",
    ("ruled", "out"): "not",
    ("ruling", "out"): "not",
    ("fall", "short"): "miss",
    ("falls", "short"): "miss",
    ("fell", "short"): "miss",
    ("falling", "short"): "miss",
    ("lay", "off"): "layoff",
    ("lays", "off"): "layoff",
    ("laid", "off"): "layoff",
    ("laying", "off"): "layoff",
    ("job", "cuts"): "layoff",
    ("lay", "offs"): "layoff",
    ("buy", "back"): "buyback",
    ("buys", "back"): "buyback",
    ("share", "repurchase"): "buyback",
    ("share", "buyback"): "buyback",
    ("spin", "off"): "spinoff",
    ("spins", "off"): "spinoff",
    ("exxon", "mobil"): "exxonmobil",
    ("jp", "morgan"): "jpmorgan",
    ("jpmorgan", "chase"): "jpmorgan",
    ("wal", "mart"): "walmart",
    ("united", "states"): "us",
    ("sp", "500"): "sp500",
    ("e", "commerce"): "ecommerce",
    ("full", "year"): "year",
}

# Spellings of one word; the second is kept.
SPELLINGS = {
    "exxon": "exxonmobil", "share": "stock", "labour": "labor", "defence": "defense",
    "programme": "program", "centre": "center", "vehicle": "car", "automobile": "car",
    "america": "us", "usa": "us", "britain": "uk", "versus": "vs", "expectation": "estimate",
    "projection": "forecast", "qtr": "quarter", "employee": "worker", "agreement": "deal",
    "billions": "billion", "millions": "million", "euro": "eur", "sterling": "pound",
}  # fmt: skip

# Endings that are no inflection.
KEPT_ENDINGS = """
access across airbus always analysis arkansas basis bias bonus boss bus business census columbus
congress consensus crisis dallas does express focus gas illinois jobless kansas less loss miss
news paris pass perhaps plus press process series status surplus texas thesis us virus
"""

# How publishers sign a title after a dash or a bar.
PUBLISHERS = """
reuters | bloomberg | bloomberg news | barron's | barrons | marketwatch | wsj | cnbc | benzinga |
zacks | zacks.com | zacks investment research | seeking alpha | motley fool | the motley fool |
yahoo finance | yahoo | business wire | businesswire | globenewswire | pr newswire | prnewswire |
ap | ap news | associated press | financial times | ft | ft.com | forbes | fortune |
investing.com | thestreet | techcrunch | the verge | axios | cnn | cnn business | fox business |
business insider | investorplace | kiplinger | nikkei asia | new york times |
the new york times | the guardian | bbc | bbc news | politico | quartz | wall street journal |
the wall street journal | dow jones | dow jones newswires | tipranks | finviz | stocktwits |
kalkine media | marketscreener | nasdaq.com | morningstar | accesswire | newsfile | nytimes |
source | sources | report | reports | media | filing | filings
"""
