"""The command line: a skin without logic over the rooms below it."""
