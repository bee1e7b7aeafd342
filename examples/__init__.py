"""Services that tidegate watches, to try it out on something real."""
