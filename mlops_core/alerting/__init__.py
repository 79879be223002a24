"""Alarms and silence, and the words of every message that a person receives."""
