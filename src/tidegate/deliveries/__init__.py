"""Telling people and machines outside: signed webhooks, Slack, mail and PagerDuty, by channels with names.

Contract: a notice is added in the transaction of what it tells of, goes out at least once under one id, and is either
delivered or dead with a reason; nothing is given up in silence.
"""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.deliveries.assembly import Deliveries, build_deliveries
    from tidegate.deliveries.channels import ChannelService
    from tidegate.deliveries.model import Channel, ChannelId, ChannelKind, Delivery, DeliveryState, Notice
    from tidegate.deliveries.service import DeliveryService
else:
    __getattr__ = lazily(
        {
            "tidegate.deliveries.assembly": ("Deliveries", "build_deliveries"),
            "tidegate.deliveries.channels": ("ChannelService",),
            "tidegate.deliveries.model": ("Channel", "ChannelId", "ChannelKind", "Delivery", "DeliveryState", "Notice"),
            "tidegate.deliveries.service": ("DeliveryService",),
        }
    )

__all__ = [
    "Channel",
    "ChannelId",
    "ChannelKind",
    "ChannelService",
    "Deliveries",
    "Delivery",
    "DeliveryService",
    "DeliveryState",
    "Notice",
    "build_deliveries",
]
