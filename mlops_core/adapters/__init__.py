"""Readers of public run-to-failure sets, from a folder of the user's into READINGS and FAILURES frames.

Nothing is downloaded and nothing is shipped. Timestamps without a time zone are taken as UTC; integer time is mapped to
hours from a stated origin. What a set does not say is null, never guessed.
"""
