"""The price table: list prices by region, with their date and sources."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

from ops.errors import OptionError

TABLE: Final = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """What `per` units of one thing cost in USD: one price, or one a tier of a month's quantity."""

    usd: tuple[float, ...]
    per: float
    tiers: tuple[float, ...] = ()
    """Quantity at which each tier but the last ends."""

    def of(self, quantity: float) -> float:
        """Return what a month's `quantity` costs, USD."""
        total, begins = 0.0, 0.0
        for usd, ends in zip(self.usd, (*self.tiers, float("inf")), strict=True):
            total += max(0.0, min(quantity, ends) - begins) * usd / self.per
            begins = ends
        return total


@dataclass(frozen=True)
class Prices:
    """The prices of one region."""

    region: str
    noted: date
    sources: Mapping[str, str]
    prices: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]


def load_prices(region: str, file: Path = TABLE) -> Prices:
    """Return a region's prices. Raises OptionError where the table has none for it or cannot be read."""
    try:
        table: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        known: dict[str, dict[str, Any]] = table["prices"]
        if region not in known:
            raise OptionError(f"{file.name} has no prices of {region}.", f"It has {', '.join(sorted(known))}.")
        prices = {
            name: Price(
                usd=tuple(cast("list[float]", usd)) if isinstance(usd, list) else (float(usd),),
                per=float(table["per"][name]),
                tiers=tuple(table["tiers"].get(name, ())),
            )
            for name, usd in known[region].items()
        }
        return Prices(region, table["noted"], table["sources"], prices)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(f"{file} is no price table: {error}.", f"{TABLE} is one.") from None
