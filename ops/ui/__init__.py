"""The fleet on a page: its document, the page, and the server that shows it on this computer alone."""
