"""`jobcancel jobs`: what a journal contains, read while its service runs or after it was killed."""
