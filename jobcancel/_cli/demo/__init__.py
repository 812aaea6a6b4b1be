"""`jobcancel demo`: one job that clones a repository, analyzes it and opens a pull request."""
