"""What can go wrong with channels and deliveries."""

from typing import ClassVar

from tidegate.deliveries.model import MAX_CHANNELS
from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class ChannelNotFoundError(NotFoundError):
    code: ClassVar[str] = "channel_not_found"

    def __init__(self, name_or_id: str) -> None:
        super().__init__(f"There is no channel {name_or_id!r}. `tidegate channel list` shows those there are.")


class ChannelInvalidError(InvalidInputError):
    """A setting of a channel that cannot be; `field` names it."""

    code: ClassVar[str] = "channel_invalid"


class ChannelExistsError(ConflictError):
    code: ClassVar[str] = "channel_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a channel {name!r} already. Take another name, or change that one.", field="name")


class ChannelLimitError(ConflictError):
    code: ClassVar[str] = "channel_limit"

    def __init__(self) -> None:
        super().__init__(f"A workspace has at most {MAX_CHANNELS} channels. Remove one that nobody uses.")


class ChannelChangedError(ConflictError):
    code: ClassVar[str] = "channel_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this channel at this moment. Look at it, then try again.")


class DeliveryNotFoundError(NotFoundError):
    code: ClassVar[str] = "delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no delivery {delivery_id!r}. `tidegate delivery list` shows those there are.")


class DeliveryPendingError(ConflictError):
    code: ClassVar[str] = "delivery_pending"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"The delivery {delivery_id} is still under way: it is tried again by itself.")
