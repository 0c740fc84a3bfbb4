"""Runs the test suites that packages bring, and finds which releases made tests fail."""
