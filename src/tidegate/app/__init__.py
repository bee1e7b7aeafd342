"""Assembly: settings to objects, and objects to the server, the command line and the supervisor of both."""
