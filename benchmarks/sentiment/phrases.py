"""Words and sentences of our own from which newswire for training is made up.

Slots in braces are filled by `made_up_newswire.py`. None of it is in `newswire.tsv`, the
sentences that are judged on.
"""

COMPANIES = (
    "Aldera", "Norvik", "Kestrel Foods", "Tammer Group", "Halden Marine", "Veltron", "Ostara Oyj",
    "Lindqvist AB", "Brightwater Plc", "Sundal Steel", "Corvina Pharma", "Pellas", "Arvo Networks",
    "Mirado Energy", "Kaleva Board", "Stonegate Bank", "Quayle Logistics", "Fenmark", "Ruska Oyj",
    "Harrow & Pike", "Delphin Insurance", "Teravolt", "Oakmere Retail", "Juno Semiconductor",
    "the company", "the group", "the manufacturer", "the Finnish company", "the lender",
)  # fmt: skip
PLACES = (
    "Sweden", "Germany", "China", "Brazil", "India", "Estonia", "Lithuania", "the Netherlands",
    "Norway", "Turkey", "Mexico", "South Korea", "Latvia", "Canada", "the UK", "St Petersburg",
    "Lahti", "Pori", "Gdansk", "Lyon", "Texas", "Ukraine",
)  # fmt: skip
PRODUCTS = (
    "wind turbines", "cranes", "fibre cables", "diesel engines", "ticket machines", "cartonboard",
    "sensors", "dairy products", "furniture", "hospital beds", "software", "boilers", "magazines",
    "steel pipes", "harvesters", "mobile games", "base stations", "coffee", "tissue paper",
)  # fmt: skip
PERIODS = (
    "in the first quarter", "in the fourth quarter of 2009", "in the first nine months",
    "in April-June", "for the financial year", "in the second half of 2010", "in the period",
    "in January-September 2007", "last year", "in Q3", "during the quarter", "",
)  # fmt: skip
YEAR_BEFORE = (
    "a year earlier", "in the same period of the previous year", "in the year-ago quarter",
    "the year before", "in the corresponding quarter of 2006", "in 2008", "in the prior year", "",
)  # fmt: skip
OPENINGS = (
    "", "", "", "", "", "{company} said ", "According to {company}, ",
    "In a stock exchange release, {company} said ",
    "HELSINKI - ", "Finnish {company} reported that ", "As a result, ", "At the same time, ",
)  # fmt: skip
GOOD = (
    "operating profit", "net profit", "net sales", "sales", "turnover", "revenue", "earnings",
    "profit before tax", "EBITDA", "EBIT", "order book", "new orders", "net interest income",
    "operating result", "gross profit", "earnings per share", "EPS", "cash flow",
    "passenger numbers",
    "deliveries", "market share", "exports", "assets under management", "fee income", "output",
    "operating margin", "dividend", "advertising sales", "production volumes", "return on equity",
)  # fmt: skip
BAD = (
    "net loss", "operating loss", "loss", "pre-tax loss", "net debt", "credit losses", "costs",
    "operating expenses", "impairment losses", "bad loans", "churn", "unemployment",
    "delivery times", "the number of complaints", "interest expenses", "energy costs", "gearing",
)  # fmt: skip
UP = (
    "rose", "increased", "grew", "climbed", "went up", "jumped", "surged", "advanced", "was up",
    "has risen", "has grown", "edged up", "soared", "expanded",
)  # fmt: skip
DOWN = (
    "fell", "decreased", "declined", "dropped", "went down", "plunged", "slumped", "sank",
    "was down", "has fallen", "has decreased", "edged down", "shrank", "contracted", "tumbled",
)  # fmt: skip
GOOD_ONLY_UP = ("improved", "strengthened", "picked up", "recovered")
GOOD_ONLY_DOWN = ("weakened", "deteriorated", "worsened", "slipped")
LOSS_DOWN = ("narrowed", "shrank", "was reduced", "diminished", "decreased")
LOSS_UP = ("widened", "deepened", "ballooned", "grew", "increased")
WAS = ("was", "amounted to", "totalled", "came to", "stood at", "reached", "of")

POSITIVE = (
    "{company} has won an order for {product} from {place}, worth {amount}",
    "{company} will deliver {product} to {place} under a new {amount} contract it has been awarded",
    "{company} has received a repeat order for {product} from a customer in {place}",
    "{company} was selected as supplier of {product} for a large project in {place}",
    "{company} landed a major deal in {place}",
    "{company} expects sales and profit to grow {period}",
    "{company} raised its outlook for the year", "{company} upgraded its profit forecast",
    "{company} raised its dividend", "{company} increases dividend to {amount}",
    "{company} is recruiting {count} new employees in {place} because of strong growth",
    "{company} expands its factory in {place} to meet demand for {product}",
    "demand for {product} is strong in {place}", "demand for {product} has recovered",
    "sales of {product} got off to a good start in {place}",
    "profitability improved thanks to {product}", "{company} returned to profitability {period}",
    "{company} swung to profit {period}", "{company} turned a loss into a profit {period}",
    "{company} beat expectations {period}", "{company} earnings top estimates",
    "{company} beats by {cents}, beats on revenue", "the result was better than expected",
    "sales were ahead of forecasts {period}", "profit exceeded analyst expectations",
    "analysts upgraded {company} to buy", "broker raises {company} price target",
    "{company} shares rose {percent}", "{company} shares closed {percent} higher",
    "{company} stock jumped after strong results", "{company} hits a record high",
    "the cost cuts bring annual savings of {amount}", "savings of {amount} have been achieved",
    "{company} gained market share in {place}", "{company} strengthens its position in {place}",
    "the acquisition will improve the earnings of {company} from the start",
    "{company} obtained approval for its new drug", "the trial of the drug was successful",
    "{company} repaid its loans ahead of time", "the ratings agency upgraded {company}",
    "the court ruled in favour of {company}", "the investigation into {company} was dropped",
    "production of {product} in {place} has restarted", "orders for {product} doubled {period}",
    "the market for {product} is growing fast", "{company} posts record profit {period}",
    "the new line will double capacity for {product}", "{company} launches a share buyback",
    "sales did not decline despite the weak market", "{company} avoided the expected loss",
    "the strike is over and work goes on at {company}", "the outlook for {product} is bright",
    "the efficiency programme lifted the margin",
    "{company} benefits from lower raw material prices",
    "customer satisfaction at {company} has improved clearly", "{company} wins award for {product}",
    "the contract is significant for {company} and opens the market of {place}",
    "{company} reports higher earnings on growing sales of {product}",
)  # fmt: skip
NEGATIVE = (
    "{company} will cut {count} jobs in {place}", "{company} to lay off {count} employees",
    "{company} begins employer-employee negotiations that may lead to {count} redundancies",
    "{company} plans temporary lay-offs of {count} staff in {place}",
    "{company} closes its {product} factory in {place}",
    "{company} shuts down production in {place}",
    "{company} lowered its outlook for the year", "{company} cut its profit forecast",
    "{company} warned that profit will be lower {period}", "{company} issues profit warning",
    "{company} expects sales and profit to decrease {period}", "{company} cuts its dividend",
    "{company} will pay no dividend", "{company} withdrew its guidance",
    "demand for {product} is weak in {place}", "demand for {product} has collapsed",
    "sales of {product} got off to a poor start in {place}",
    "profitability suffered from the high price of {product}", "{company} swung to a loss {period}",
    "{company} made a loss {period}", "{company} remained in the red {period}",
    "{company} missed expectations {period}", "{company} earnings miss estimates",
    "{company} misses by {cents}, misses on revenue", "the result was worse than expected",
    "sales were behind forecasts {period}", "profit was below analyst expectations",
    "analysts downgraded {company} to sell", "broker cuts {company} price target",
    "{company} shares fell {percent}", "{company} shares closed {percent} lower",
    "{company} stock dropped after weak results", "{company} hits a record low",
    "{company} lost an order for {product} in {place}", "{company} lost market share in {place}",
    "the order for {product} was cancelled", "the order from {place} has been postponed",
    "the start-up of the plant in {place} will be delayed", "{company} recalls {product}",
    "the drug of {company} was rejected", "the trial of the drug did not succeed",
    "{company} defaulted on its bonds", "the ratings agency downgraded {company}",
    "the court ruled against {company}", "{company} is investigated for fraud in {place}",
    "{company} was fined {amount}", "{company} is sued for {amount} in {place}",
    "production of {product} in {place} was interrupted", "orders for {product} halved {period}",
    "the market for {product} is shrinking", "{company} posts its worst result in ten years",
    "{company} files for bankruptcy", "{company} suspends its share buyback",
    "sales did not grow despite the campaign", "the hoped-for recovery did not come",
    "workers at {company} in {place} walk out on strike", "the outlook for {product} is bleak",
    "price competition squeezed the margin", "{company} suffers from higher raw material prices",
    "{company} books a write-down of {amount} on {product}",
    "the one-off charge of {amount} weighs on the result of {company}",
    "{company} reports lower earnings on falling sales of {product}",
)  # fmt: skip
NEUTRAL = (
    "{company} makes {product} in {place}", "{company} sells {product} to customers in {place}",
    "{company} employs {count} people in {place}", "{company} has an office in {place}",
    "{company}'s annual meeting will be held in {place}", "the head office is located in {place}",
    "{company} will publish its interim report {period}", "{company} to report results on Thursday",
    "{company} appointed a new managing director in {place}", "{company} names new finance chief",
    "{company} is listed on the stock exchange", "the company was founded in {place} in 1987",
    "the value of the contract was not disclosed", "the price of the deal was {amount}",
    "the contract is worth {amount} and includes {product}", "delivery will take place {period}",
    "the deliveries will be completed {period}", "the contract also includes training",
    "{company} acquires a maker of {product} in {place}", "{company} sells its unit in {place}",
    "{company} bought {count} shares at {amount}", "{company} holds {percent} of the shares",
    "{company} and its partner signed a letter of intent on {product} in {place}",
    "{company} launches {product} in {place}", "{company} opens a shop in {place}",
    "{company} considers the sale of its {product} business", "the terms were not disclosed",
    "net sales of the unit are about {amount}", "annual turnover of the firm is {amount}",
    "net sales totalled {amount} {period}", "operating profit amounted to {amount}",
    "{company} has {count} customers for {product}",
    "the area of the building is {count} square metres",
    "the {product} are designed for use in {place}", "the plant produces {product}",
    "{company} repeats its forecast", "the outlook is unchanged", "the result met expectations",
    "sales were in line with expectations {period}", "{company} earnings in line with estimates",
    "{company} shares were unchanged", "{company} rated hold, price target kept",
    "sales remained at the level of the previous year", "profit was flat {period}",
    "the share capital after registration is {amount}", "the new shares number {count}",
    "trading in the shares of {company} starts on Monday", "the subscription price is {amount}",
    "the transaction needs the consent of the authorities in {place}",
    "{company} issues a bond of {amount}", "the loan of {amount} matures {period}",
    "the board will propose to the meeting that its members be re-elected",
    "the project in {place} will be carried out with a local partner",
    "the chief executive of {company} speaks at a seminar in {place}",
    "the figure includes the business in {place}",
    "the ministry will decide on the permit {period}",
    "{company} has {count} stores and sells {product}", "the building was designed in {place}",
    "the shares entitle to a dividend from {period}", "analysts expect revenue of {amount}",
    "the minister visited {place}", "the study looks at the use of {product} in {place}",
    "{company} is studying whether to build a plant in {place}",
)  # fmt: skip
