"""`jobcancel serve`: a vendor's cancel API over demonstration jobs."""
