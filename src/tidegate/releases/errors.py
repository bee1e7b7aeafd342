"""What can go wrong with releases."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class ReleaseNotFoundError(NotFoundError):
    code: ClassVar[str] = "release_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no release {name!r}. `tidegate release list` shows the releases you have.")


class ReleaseExistsError(ConflictError):
    code: ClassVar[str] = "release_exists"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The release {name!r} exists with other services, commits or another environment, and a release never "
            "changes. Choose a new name.",
            field="name",
        )


class ReleaseServiceRepeatedError(InvalidInputError):
    code: ClassVar[str] = "release_service_repeated"

    def __init__(self, service: str, position: int) -> None:
        super().__init__(
            f"The service {service!r} stands twice in this release: give each service one version and commit.",
            field=f"services.{position}.service",
        )
