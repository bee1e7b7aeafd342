"""Gates that come with the package."""
