"""What crypto exchanges have in common: pairs written without a dash, and fees in any coin."""

from __future__ import annotations

import re
from decimal import Decimal

from mechexo.costs.imports.values import RowError

QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "ZUSD", "ZEUR", "ZGBP", "ZJPY", "ZCAD",
          "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "TRY", "BRL", "XXBT", "XETH", "XBT",
          "BTC", "ETH", "BNB")  # fmt: skip
"""Coins and currencies that others are priced in, the longer before those that they end in."""

_OWN_NAMES = {"ZUSD": "USD", "ZEUR": "EUR", "ZGBP": "GBP", "ZJPY": "JPY", "ZCAD": "CAD",
              "ZAUD": "AUD", "XXBT": "BTC", "XBT": "BTC", "XETH": "ETH"}  # fmt: skip

_NAMES = """
    1INCH AAVE ACA ACE ACH ACM ADA ADX AERGO AERO AEVO AGIX AGLD AI AKRO AKT ALCX ALGO ALICE ALPHA
    ALPINE ALT AMB AMP ANKR ANT APE API3 APT AR ARB ARDR ARK ARKM ARPA ASR AST ASTR ATA ATM ATOM
    AUCTION AUDIO AVA AVAX AXL AXS BABY BADGER BAKE BAL BAND BAR BAT BB BCH BEAM BEAMX BEL BERA BETA
    BICO BIFI BIT BLAST BLUR BLZ BNB BNT BNX BOME BOND BONK BOT BRETT BSV BSW BTC BTG BTS BTT BTTC
    BURGER BUSD C98 CAKE CAT CELO CELR CFX CHESS CHR CHZ CITY CKB CLV COMBO COMP COS COTI COW CQT
    CREAM CRO CRV CTK CTSI CTXC CVC CVP CVX CYBER DAI DAR DASH DATA DCR DEGO DENT DEXE DF DGB DIA
    DODO DOGE DOGS DOT DREP DUSK DYDX DYM EDU EGLD EIGEN ELF ENA ENJ ENS EOS EPX ERN ETC ETH ETHFI
    ETHW FARM FET FIDA FIL FIO FIRO FIS FLM FLOKI FLOW FLR FLUX FOR FORTH FRONT FTM FTT FUN FXS GAL
    GALA GAS GFT GHST GLM GLMR GMT GMX GNO GNS GRT GTC HARD HBAR HFT HIFI HIGH HIVE HNT HOOK HOT
    HYPE ICP ICX ID IDEX ILV IMX INIT INJ IO IOST IOTA IOTX IQ IRIS JASMY JOE JST JTO JUP JUV KAITO
    KAS KAVA KDA KEY KLAY KMD KNC KP3R KSM LAZIO LDO LEVER LINA LINK LIT LOKA LOOM LPT LQTY LRC LSK
    LTC LTO LUNA LUNC MAGIC MANA MANTA MASK MATIC MAV MBL MBOX MC MDT MDX MEME MINA MINT MKR MLN MNT
    MOB MOODENG MORPHO MOVE MOVR MTL MULTI NEAR NEO NEXO NFP NFT NKN NMR NOT NTRN NULS NXT OAX OCEAN
    OG OGN OM OMG ONDO ONE ONG ONT OOKI OP ORCA ORDI ORN OSMO OXT PAXG PENDLE PENGU PEOPLE PEPE PERL
    PERP PHA PHB PIVX PIXEL PNUT POL POLS POLY POLYX POND PORTAL PORTO POWR PROM PROMPT PSG PUNDIX
    PYR PYTH PYUSD QI QKC QNT QTUM QUICK RACA RAD RARE RAY RDNT REEF REI REN RENDER REP REQ REZ RIF
    RLC RNDR RONIN ROSE RPL RSR RUNE RVN S SAGA SAND SANTOS SC SCRT SEI SFP SHIB SKL SKY SLP SNT SNX
    SOL SOLV SPELL SRM SSV STEEM STG STMX STORJ STPT STRAX STRK STX SUI SUN SUPER SUSHI SXP SXT SYN
    SYS T TAO TFUEL THETA TIA TIMES TKO TLM TNSR TOMO TON TRB TROY TRU TRUMP TRX TST TURBO TUSD TUT
    TVK TWT UFT UMA UNFI UNI USDC USDP USDT UST USTC UTK VANRY VET VGX VIB VIDT VIRTUAL VITE VOXEL
    VTHO W WAN WAVES WAXP WBETH WBTC WIF WIN WING WLD WOO WRX WTC XAI XAUT XCN XDC XDG XEC XEM XLM
    XMR XNO XRP XTZ XVG XVS YFI YFII YGG ZEC ZEN ZETA ZIL ZK ZRO ZRX AUD BRL CAD CHF EUR GBP JPY TRY
"""
_COINS = frozenset(_NAMES.split())
"""Coins and currencies that are traded against others: they decide where a pair like DOTUSD, which
ends in USD and in TUSD, is parted."""

_LOTS = re.compile("^10+")
"""What stands before a coin that is traded in lots: 1000SHIB."""
_WITHIN = {"TUSD": "USD", "BUSD": "USD", "FDUSD": "USD"}
"""Coins whose names end in another quote: a pair that ends in one can be read in two ways."""


def own_name(coin: str) -> str:
    """A coin's usual name, for one of an exchange's own like XBT."""
    return _OWN_NAMES.get(coin, coin)


def quote_of(pair: str) -> str | None:
    """The coin that a pair like BTCUSDT is priced in; None when nobody can tell."""
    found = next((coin for coin in QUOTES if pair.endswith(coin) and pair != coin), None)
    if found is None:
        return None
    shorter = _WITHIN.get(found)
    if shorter and _reads_better(pair.removesuffix(shorter), pair.removesuffix(found)):
        return shorter
    return own_name(found)


def _reads_better(longer: str, base: str) -> bool:
    """Whether the pair of a coin `longer` and USD is likelier than that of `base` and TUSD.

    Dollars are the commoner quote by far, so only what is known speaks against them; and no coin's
    name ends in FD, which is the head of FDUSD.
    """
    if _is_coin(longer):
        return True
    return not (_is_coin(base) or longer.endswith("FD"))


def _is_coin(name: str) -> bool:
    """Whether a coin of that name is known, also in lots."""
    return name in _COINS or _LOTS.sub("", name) in _COINS


def known(quote: str | None) -> str:
    """What a pair is priced in, when anybody can tell.

    Raises:
        RowError: nobody can, so what the fill cost is not known in any currency.
    """
    if quote is None:
        raise RowError("what the pair is priced in is not known")
    return quote


def fee_in(
    fee: Decimal | None, coin: str | None, pair: str, quote: str | None, price: Decimal
) -> tuple[Decimal | None, str | None]:
    """A fee and its currency: one that was taken in the coin that was traded is worth what was
    paid for that coin, exactly; one in a third coin stays in it."""
    if fee is None:
        return None, None
    if coin is None or coin == quote:
        return fee, quote
    if quote is not None and pair.startswith(coin) and len(pair) > len(coin):
        return fee * price, quote
    return fee, coin
