"""What harbor answers when it does not do what was asked: one shape, a stable code, the request id."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from examples.harbor.service.access import Denial
from examples.harbor.service.requests import facts_of
from examples.harbor.service.schemas import ErrorOut


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str, *, denial: Denial | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.denial = denial


DENIALS: dict[Denial, ApiError] = {
    Denial.UNAUTHENTICATED: ApiError(
        401, "unauthenticated", "Sign in first: POST /auth/login.", denial=Denial.UNAUTHENTICATED
    ),
    Denial.CROSS_TENANT: ApiError(
        403, "cross_tenant", "This workspace belongs to another tenant.", denial=Denial.CROSS_TENANT
    ),
    Denial.MEMBERSHIP: ApiError(403, "not_a_member", "You are no member of this workspace.", denial=Denial.MEMBERSHIP),
    Denial.ROLE: ApiError(403, "role_too_low", "Your role in this workspace does not allow this.", denial=Denial.ROLE),
}


def answer(request: Request, status: int, code: str, message: str) -> JSONResponse:
    facts = facts_of(request.scope)
    facts.error_code = code
    body = ErrorOut(code=code, message=message, request_id=facts.request_id)
    return JSONResponse(body.model_dump(by_alias=True), status_code=status)


async def answer_api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101  registered for this class alone
    facts_of(request.scope).denial_class = error.denial
    response = answer(request, error.status, error.code, error.message)
    if error.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


async def answer_invalid_input(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    # The first complaint alone, and never its input: a password may stand in it.
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return answer(request, 422, "invalid_request", f"{field}: {first['msg']}")


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    codes = {404: "not_found", 405: "method_not_allowed"}
    return answer(request, error.status_code, codes.get(error.status_code, "http_error"), str(error.detail))


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, answer_api_error)
    app.add_exception_handler(RequestValidationError, answer_invalid_input)
    app.add_exception_handler(HTTPException, answer_http_error)
