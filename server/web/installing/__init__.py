"""The installer's pages: made for a telephone in one hand."""
