"""Words of financial headlines by how common they are, and names among them. Data only.

Read by `story_titles`: a word that is not here is taken for a name.
"""

# The most frequent first, counted in public headlines; a word that is missing is rarer than all.
RANKED = """
stock us market report price new result earning year china fund dividend deal trade what call
update revenue oil target bank fed coronavirus over declare eps get hedge week trump but ceo
investor energy or sale how global conference growth financial group forecast presentation day why
announce rate make time transcript out take business one see capital do gold record can all read
offer news economy analyst next hit job highlight dow month back investment credit premarket
industry nasdaq look uk move data point estimate vs world sign pm continue edited gmt watch
american debt off big economic future some tesla nov technology output former bond set does pre
virus last income profit international risk show street holding federal value gas still term
return president talk demand among think biggest any uber hong shareholder canada home like amazon
loan kong other brand york equity change interest much key cash service did face consumer january
lead add chinese right store health boeing stake november consensus use trading thing line state
wall when money tax therapeutic eur own hour car turn live going resource trust central pay tariff
cost loss chief election people preview need friday break reserve case so cannabis dollar
government issue guidance worker since slideshow name pharma latest another etf johnson present
almost pharmaceutical partner acquisition due order february national opec ipo well know action
property small retail alpha gainer sector public meeting powell finance power london release house
invest work follow holiday hope goldman opportunity run executive country india board early crude
concern system sp healthcare number again yield study general tech security apple through chairman
program bill monday major product loser potential firm december part city brexit goe netflix drug
post factset crisis worry come saudi way max subsidiary go real great asset black help director
ago war ever info senior free industrial treasury electric even leader eu recent head jpmorgan
buyback decision official level portfolio past suisse disney index impact remain phase largest
supply medical made merger management ford exchange bloomberg reach reading mutual review step
option policy volume south total quarterly office note morgan spending mobile annual average push
many food california cfo climate natural impeachment court neutral deutsche water put project play
airline fight getting weekly around retirement schwab morning stay recession mortgage twitter
worth european facility vow canadian fear too outbreak ratio become trial subscribe pound tse
stanley upside trader air ameritrade europe coming russia minister boris bid meet little force
strategy budget bounce private find bancorp tomorrow billionaire research seen bofa center cent
corporate looking full feb very fda file same agree protest google cybertruck producer daily
network facebook double de ebay chart cap department bet late strike form story spy lvmh october
usd democrat book list wework liquidity reason cloud development provide decade signal
announcement united labor green probe soon lawsuit coffee depot td mid tsla covid where japan
march test tell extend card travel team british old settlement kind flow softbank between final
housing fiscal payment license based during because founder com exxonmobil build candidate source
africa tiffany medicine settle comdx session burn pick give trend digital ecb pandemic focus
really discuss response media create toward avoid claim safety maker complete them asia reit
saving sentiment asian valuation happen effort already problem ask brazil mexico operation
breaking balance prepare uncertainty rule control further man eye macy stage idea huawei fuel
listing student social democratic kohl suntrust parent insurance according rival commercial
australia statement half white treatment plant online event benefit net metal life non microsoft
am restaurant nice momentum mixed royal place care material working inflation battle must quarter
ready tuesday fresh enough cancer jet challenge novartis giant debut reveal pull patent streaming
vote alibaba sach expert john edge sue iphone question petroleum hp lyft user nvidia video
solution realty farm governor chair currency imf application regulator spread april surprise
unemployment campaign done union few mcdonald history improve carbon estate crash charle rebound
bottom slightly volatility love mover beyond software margin lynch swing bell rating retailer
auction abbvie tjx deliver jerome radio italy away emergency municipal account transaction weekend
nation relief victory la comment un airbus political driving pace drive approval roe musk auto
position podcast season women venture bring backed changed ma ball check stubhub jame keybanc att
aurora pressure merrill community game funding canopy resort frozen pro range beauty space
possible monetary lending stimulus yet st role law initial indonesia nyse congress took following
flight letter performance special foreign logistic bitcoin wind lng enterprise insider rs defense
france germany inventory mining activity red technical buyer slump dec large warren class kudlow
scanx confidence weight ad bio yum william measure watching committee used mark repo jan spend far
save lot iran listen suggest luxury nike plus smart send pop let solar analysis copper alternative
including thank david german christma french personal got officer arabia cad wti death aramco
wholesale voter party meat building strategic saying goose park view model significant cruise
supplier entertainment main lowest weather progress highest louis thursday payroll survey senate
notice active massive guide communication delivery charge land partnership struggle platform
traffic award science renewable plane owner bioscience proposal summary discount iowa star crore
appeal roundup si debate dumping thanksgiving millennial secretary donald biden luckin mdco
benchmark fargo downside forecasting clean lowe robinson box wage squeeze straight direct backing
usmca speed him urge banker important ukraine access once commodity poll extra member minute loom
myer bristol legal factory both pge steel supreme coty receive heart truck manufacturing pacific
dubai singapore military tyson baby silver eat briefing manager mineral popular everything race
sumrx rev flat gdp me misfire biotech recap appoint gm intelsat oppenheimer barclay coal stifel
cfra ubs prospect then ups gaming lauder room nokia recovery hotel left ireland threat boom
overnight appear upbeat financing acting sheet fact economist longer african address mean score
blackrock count ads ft quite billion rare adviser app walmart million impressive secure
distribution elon north chevron midstream emission customer blackstone middle ownership doing
every area wednesday joe advanced protester paid square road behind fy uso jobless crypto warming
presidential crazy fair sander hkg midday caribbean perform sport tap drilling automotive takeover
lake rated sustainable humphrey favorite semiconductor texas mar chain side storm econx additional
opinion needed discussion joint press banking expansion bigger preferred seem pilot bankruptcy
tapestry deeper rbc scandal motor xerox premium goal van intelligence pentagon competition valued
ericsson shale school built western slack spot gasoline amzn ground buyout substantial airport
advisor infrastructure hsbc ally willing thiam risky ship appointment sprint tender music quality
chance fraud ab administration falling anti prince betting operating tree corbyn suit investigate
marijuana mike navy kylie called aapl tie shop tv evercore children nvda snap internet electronic
profitability estee intel predict innovation secret coverage chicken toll limit self having
current downturn strategist unprecedented prime round aim lawmaker politician agency across
probably vaping overhaul pickup cold farmer sharply continued trouble fundamental wrong dis blue
startup moment comeback burger lab royalty giving boss asked fiat waste hard rail stick diamond
education salary phone hack seeing selloff entry family transportation jeremy poised spark killed
tory breakout cause wire iwm learn michael zone ulta xi buttigieg changing hampshire merkel
intrinsic piper hanesbrand canaccord prediction martin tobacco ringcentral jone initiated fedex
subscriber multiple residential andrew came panic construction effect condition qe detail emerging
priority consecutive peak kill reality super flag mnuchin information shift performing dispute
employment ny historic glass council insight amount request district reverse clinical jolla
something shanghai site tough local multi device vf introducing experience earn florida foot art
epa ride huge washington cve spx pipeline stephen fast secured friend engineering impossible ept
ri significantly marine gate related finally exclusive preliminary size lawyer barr date light ge
sec base jeff explain vision mask held pass pinterest hill search matter attack brookfield aud
seal barrel fastest reversal touch resistance ebitda adj everyone
"""

# Those of them that name someone or something: no other word may stand for them.
NAMES = """
aapl ab abbvie africa african airbus alibaba amazon american ameritrade amzn andrew apple april
arabia aramco asia asian att aud aurora australia barclay barr beyond biden bitcoin blackrock
blackstone bloomberg boeing bofa boris brazil brexit bristol british brookfield buttigieg
california canaccord canada canadian canopy caribbean cfra charle chevron chicken china chinese
christma comdx corbyn coty covid cve cybertruck david de dec december deutsche disney donald dow
dubai ebay ecb econx elon epa ericsson estee eu eur europe european exxonmobil facebook factset
fargo fda feb february fed fedex florida ford france french friday gaming ge german germany gm
gold goldman google hampshire hanesbrand hill hkg hong hp hsbc huawei humphrey imf india indonesia
intel intelsat iphone iran ireland italy jame jan january japan jeff jeremy jerome jet joe john
johnson jolla jone jpmorgan keybanc kohl kong kudlow kylie la lauder london louis lowe luckin lvmh
lyft lynch ma macy march martin mcdonald mdco merkel merrill mexico michael microsoft mike mnuchin
monday morgan musk myer nasdaq navy netflix nike nokia north nov novartis november nvidia ny nyse
october opec oppenheimer pentagon pge pinterest piper powell prince ringcentral robinson roe
russia sach sander saudi scanx schwab sec si singapore slack snap softbank south sprint spx spy
stanley stephen stifel stubhub suisse sumrx suntrust tapestry td tesla texas thanksgiving thiam
thursday tiffany tjx tory total trump tse tsla tuesday twitter tyson uber ubs uk ukraine ulta un
united us usd usmca van vf walmart warren washington wednesday well western wework wti xerox xi
york yum
"""
