"""Members as a directory says: SCIM 2.0 for one workspace, and which roles its groups have."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.scim.assembly import build_scim
    from tidegate.identity.scim.mapping import ProvisioningService
    from tidegate.identity.scim.model import ProvisioningWish
    from tidegate.identity.scim.service import ScimService
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.scim.assembly": ("build_scim",),
            "tidegate.identity.scim.mapping": ("ProvisioningService",),
            "tidegate.identity.scim.model": ("ProvisioningWish",),
            "tidegate.identity.scim.service": ("ScimService",),
        }
    )

__all__ = ["ProvisioningService", "ProvisioningWish", "ScimService", "build_scim"]
