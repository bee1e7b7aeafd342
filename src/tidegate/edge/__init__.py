"""What the doors share: callers, problem details, request ids, wire manners, the HTTP client of the CLI.

Import the module you need: this package imports none of them, so that the CLI starts without the server.
"""
