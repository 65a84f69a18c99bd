"""The command line: one module per group of verbs, thin over `oneuser.api`."""
