"""How CLI verbs talk to a server: one HTTP client, errors as sentences, statuses as exit codes."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tidegate.edge.login import Login, LoginUnsafeError, read_login

if TYPE_CHECKING:
    import httpx

__all__ = ["ApiClient", "CliError", "api", "checked_token", "refused"]

_TIMEOUT_S = 30.0  # the slowest route, an evaluation over 1,000 pieces of evidence, has a bar of 0.1 s
_EXIT_CODES = {400: 2, 401: 4, 403: 4, 404: 5, 409: 6, 413: 2, 415: 2, 422: 2, 429: 7, 502: 7, 503: 7, 504: 7}


class CliError(click.ClickException):
    """A verb that did not succeed: what happened, why, what to do next, on stderr; the exit code says which family."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        # click reads the code from the instance; its stubs call it a class variable
        self.__dict__["exit_code"] = exit_code


class ApiClient:
    """Calls the routes of one server with one token; the HTTP library is loaded at the first call (265 ms)."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._token = token

    @property
    def token(self) -> str | None:
        """The token of this invocation, for verbs that keep a connection of their own."""
        return self._token

    def get(self, path: str, parameters: Mapping[str, str | int | None] | None = None) -> Any:  # noqa: ANN401 - JSON
        return self._call("GET", path, parameters=parameters)

    def download(self, path: str) -> bytes:
        """Return a file as it is."""
        content: bytes = self._call("GET", path, is_file=True)
        return content

    def post(
        self,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        content_type: str = "application/json",
        parameters: Mapping[str, str | int | None] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        data = content if content is not None else json.dumps(body).encode() if body is not None else b""
        return self._call("POST", path, content=data, content_type=content_type, parameters=parameters)

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        content = json.dumps(body).encode()
        return self._call("PATCH", path, content=content, content_type="application/json")

    def delete(self, path: str, body: object = None, parameters: Mapping[str, str | int | None] | None = None) -> Any:  # noqa: ANN401 - JSON
        content = json.dumps(body).encode() if body is not None else None
        content_type = "application/json" if body is not None else None
        return self._call("DELETE", path, content=content, content_type=content_type, parameters=parameters)

    def put(self, path: str, *, content: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON
        return self._call("PUT", path, content=content, content_type=content_type)

    def _call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str | int | None] | None = None,
        content: bytes | None = None,
        content_type: str | None = None,
        is_file: bool = False,
    ) -> Any:  # noqa: ANN401 - JSON, or bytes
        import httpx

        headers = {"accept": "*/*" if is_file else "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if content_type:
            headers["content-type"] = content_type
        query = {key: str(value) for key, value in (parameters or {}).items() if value is not None}
        try:
            answer = httpx.request(
                method, self.url + path, params=query, content=content, headers=headers, timeout=_TIMEOUT_S
            )
        except httpx.HTTPError as error:
            raise CliError(
                f"No answer from {self.url} ({error}). Is `tidegate serve` running? Set --url or TIDEGATE_URL.",
                exit_code=7,
            ) from error
        if answer.is_error:
            raise refused(answer)
        if is_file:
            return answer.content
        if answer.headers.get("content-type", "").startswith("text/"):
            return answer.text
        return answer.json() if answer.content else None


def api() -> ApiClient:
    """Return the client of this invocation: what is given, else the environment, else the login, else loopback.

    The token of a login goes to the server that it was given for and to no other.
    """
    root = click.get_current_context().find_root()
    token = root.params["token_file"].read() if root.params.get("token_file") else os.environ.get("TIDEGATE_TOKEN", "")
    url = root.params.get("url") or "http://127.0.0.1:8420"
    if not token.strip():
        login = _login()
        if login is not None and root.get_parameter_source("url") in {None, ParameterSource.DEFAULT}:
            url, token = login.url, login.token
        elif login is not None and login.url == url.rstrip("/"):
            token = login.token
    return ApiClient(url, checked_token(token))


def checked_token(text: str) -> str:
    """Return a token without the newline that secrets of CI systems often end with."""
    token = text.strip()
    if not (token.isascii() and token.isprintable()):
        raise CliError("The token holds characters that no token has. Copy it again.", exit_code=4)
    return token


def _login() -> Login | None:
    try:
        return read_login()
    except LoginUnsafeError as error:
        raise CliError(str(error), exit_code=4) from error


def refused(answer: "httpx.Response") -> CliError:
    """Return what a refusal says, as a sentence with its code and request id."""
    exit_code = _EXIT_CODES.get(answer.status_code, 1)
    try:
        problem = answer.json()
        message = problem["detail"]
    except (ValueError, KeyError, TypeError):
        return CliError(f"The server answered {answer.status_code}: {answer.text[:300]}", exit_code=exit_code)
    field = f" [{problem['field']}]" if problem.get("field") else ""
    return CliError(
        f"{message}{field} ({problem.get('code')}, request {problem.get('requestId')})", exit_code=exit_code
    )
