"""`python -m tidegate` and the `tidegate` command."""


def main() -> None:
    """Run the command line."""
    from tidegate.app.cli import cli

    cli()


if __name__ == "__main__":
    main()
