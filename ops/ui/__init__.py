"""The fleet's page as it lives: the server that shows it on this computer alone, and what may be done from it."""
