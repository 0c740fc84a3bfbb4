"""The report: view models (pure) and the site made from them."""
