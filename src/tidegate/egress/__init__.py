"""The one way out: every connection that tidegate opens to another machine goes through here."""
