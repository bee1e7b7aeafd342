"""Signing in by a provider of identities (OpenID Connect), one a workspace."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.providers.assembly import build_providers
    from tidegate.identity.providers.model import Provider, ProviderWish
    from tidegate.identity.providers.service import ProviderService
    from tidegate.identity.providers.sign_in import ProviderSignIn
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.providers.assembly": ("build_providers",),
            "tidegate.identity.providers.model": ("Provider", "ProviderWish"),
            "tidegate.identity.providers.service": ("ProviderService",),
            "tidegate.identity.providers.sign_in": ("ProviderSignIn",),
        }
    )

__all__ = ["Provider", "ProviderService", "ProviderSignIn", "ProviderWish", "build_providers"]
