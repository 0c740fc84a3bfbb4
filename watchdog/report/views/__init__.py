"""View models: from stored values to what a template shows. Pure."""
