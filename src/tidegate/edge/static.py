"""Web assets out of the package: an address holds the digest of the bytes, so each may be kept for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tidegate.kernel import NotFoundError

__all__ = ["Asset", "Assets", "packaged_assets", "router"]

_CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_DIGEST_CHARACTERS = 12
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file and what it is sent as."""

    url: str
    content_type: str
    body: bytes
    compressed: bytes
    etag: str


class AssetNotFoundError(NotFoundError):
    code = "asset_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such file in this version. Reload the page that asked for it.")


class Assets:
    """All files of the folder `assets`, read and compressed once."""

    def __init__(self) -> None:
        folder = resources.files(__package__) / "assets"
        self._by_name = {file.name: _load(file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file()}
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    def url_of(self, name: str) -> str:
        return self._by_name[name].url

    def get(self, url: str) -> Asset:
        """Return what stands at `url`.

        Raises:
            AssetNotFoundError: nothing does, or another version of it did.
        """
        found = self._by_url.get(url)
        if found is None:
            raise AssetNotFoundError
        return found


@cache
def packaged_assets() -> Assets:
    return Assets()


router = APIRouter(include_in_schema=False)


@router.get("/assets/{file}")
@router.head("/assets/{file}")
async def send_asset(file: str, request: Request) -> Response:
    """Send one asset. Public: the files are the same for everybody and say nothing about anybody."""
    asset = packaged_assets().get(f"/assets/{file}")
    headers = {"cache-control": _FOREVER, "etag": asset.etag, "vary": "accept-encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(asset.compressed, media_type=asset.content_type, headers=headers)
    return Response(asset.body, media_type=asset.content_type, headers=headers)


def _load(name: str, body: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:_DIGEST_CHARACTERS]
    return Asset(
        url=f"/assets/{stem}.{digest}.{suffix}",
        content_type=_CONTENT_TYPES[suffix],
        body=body,
        compressed=gzip.compress(body, compresslevel=9, mtime=0),
        # Weak: the same file is sent compressed and as it is.
        etag=f'W/"{digest}"',
    )
