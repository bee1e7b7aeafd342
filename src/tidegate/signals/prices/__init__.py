"""What AI calls cost: the bundled price list, the prices of a workspace, exact quotes."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.prices.book import PriceBook
    from tidegate.signals.prices.model import Quote, Usage
    from tidegate.signals.prices.price_files import PriceFile
    from tidegate.signals.prices.service import PriceBooks, PriceService
    from tidegate.signals.prices.store import PostgresPriceStore
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.prices.book": ("PriceBook",),
            "tidegate.signals.prices.model": ("Quote", "Usage"),
            "tidegate.signals.prices.price_files": ("PriceFile",),
            "tidegate.signals.prices.service": ("PriceBooks", "PriceService"),
            "tidegate.signals.prices.store": ("PostgresPriceStore",),
        }
    )

__all__ = ["PostgresPriceStore", "PriceBook", "PriceBooks", "PriceFile", "PriceService", "Quote", "Usage"]
